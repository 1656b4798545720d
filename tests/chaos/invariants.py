"""What holds after every fault, asked through the public doors."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from pysqlite3 import dbapi2 as sqlite

from tests.chaos.load import Ledger
from tests.end_to_end.service import Registered, Service, assert_log_is_discreet, eventually
from tokenbooth.guard import Guard
from tokenbooth.guard.refusal import Refusal

AUDIENCE = "https://persons.default.example"
RECOVERY_SECONDS = 40.0
GUARD_SECONDS = 15.0
_MOST_ASKED = 150  # of each kind, the newest: they were under way when it broke


def assert_recovers(service: Service, client: Registered) -> None:
    """The service is ready again by itself, issues, revokes and knows what it revoked."""
    eventually(lambda: service.http.get("/readyz").status_code == 200, within=RECOVERY_SECONDS)
    token = service.access_token(client)
    assert service.revoke(client, token).status_code == 200
    assert not service.is_active(client, token)


def assert_promises_kept(service: Service, ledger: Ledger, *, guard: bool = True) -> None:
    """Nothing acknowledged is lost, nothing revoked lives, nothing was spent twice."""
    assert ledger.wrong == []
    assert [each for each, times in ledger.spent.items() if times > 1] == []
    with ThreadPoolExecutor(4) as pool:
        revoked = ledger.revoked[-_MOST_ASKED:]
        assert not any(pool.map(lambda each: service.is_active(*each), revoked))
        kept = ledger.kept[-_MOST_ASKED:]
        assert all(pool.map(lambda each: service.is_active(*each), kept))
        clients = ledger.clients[-_MOST_ASKED:]
        assert {each.status_code for each in pool.map(service.token, clients)} <= {200}
    _assert_recorded(service, ledger)
    assert_database_is_whole(service)
    if guard:
        _assert_guard_refuses(service, [token for _, token in revoked if token.count(".") == 2])
    assert_log_is_clean(service)


def assert_database_is_whole(service: Service) -> None:
    """The trail is whole, and so is the file, as SQLite itself sees it."""
    verified = service.command("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    if not service.database.startswith("sqlite:"):
        return
    with closing(sqlite.connect(service.database.removeprefix("sqlite:///"))) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def assert_log_is_clean(service: Service) -> None:
    """No traceback and no secret in the log, and no line that repeats without end."""
    assert "Traceback" not in service.log
    assert "internal_error" not in service.log
    assert_log_is_discreet(service)


def _assert_recorded(service: Service, ledger: Ledger) -> None:
    created = {
        json.loads(line)["client_id"] for line in _exported(service) if '"client_created"' in line
    }
    assert {each.client_id for each in ledger.clients} <= created


def _exported(service: Service) -> list[str]:
    done = service.command("audit", "export")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _assert_guard_refuses(service: Service, tokens: list[str]) -> None:
    with closing(Guard(service.url, AUDIENCE, follow_revocations=True)) as guard:
        end = time.monotonic() + GUARD_SECONDS
        for token in tokens:
            while not _is_revoked(guard, token):
                assert time.monotonic() < end, "the guard takes a revoked token"
                time.sleep(0.05)


def _is_revoked(guard: Guard, token: str) -> bool:
    try:
        guard.verify_sync({"Authorization": f"Bearer {token}"})
    except Refusal as refusal:
        return refusal.reason == "revoked"
    return False
