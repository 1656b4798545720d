"""Valkey is killed, comes back empty, and freezes: no promise rests on it."""

from tests.chaos.conftest import prepare
from tests.chaos.invariants import assert_promises_kept, assert_recovers
from tests.chaos.load import Load
from tests.end_to_end.service import eventually
from tests.redis_servers import PROGRAMS, redis_server


def test_nothing_is_spent_twice_and_nobody_is_refused_without_valkey(breakable):
    with redis_server(PROGRAMS["valkey"]()) as server:
        service = prepare(breakable("--workers", "2", variables={"TOKENBOOTH_REDIS": server.url}))
        load = Load(service)
        with load.running() as ledger:
            _works(load)
            server.kill()
            _works(load)
            server.start()
            _works(load)
            server.freeze()
            _works(load)
            assert service.http.get("/readyz").status_code == 200
            server.thaw()
            _works(load)

        assert ledger.count("token", 503) + ledger.count("assertion", 503) == 0
        assert_recovers(service, load.jwt)
        assert_promises_kept(service, ledger)


def _works(load: Load) -> None:
    ledger = load.ledger
    revoked, asserted = ledger.count("revoke", 200), ledger.count("assertion", 200)
    eventually(
        lambda: (
            ledger.count("revoke", 200) > revoked + 5
            and ledger.count("assertion", 200) > asserted + 2
        ),
        within=60,
    )
