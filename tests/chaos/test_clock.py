"""The clock is set an hour forward or back under a running service: what then holds.

Only the service's own clock moves: its monotonic clock, and those of callers, go on as they were.
"""

import time
from pathlib import Path

import jwt
import pytest

from tests.chaos.conftest import prepare
from tests.chaos.invariants import assert_database_is_whole, assert_log_is_clean
from tests.chaos.load import ISSUER, Load
from tests.end_to_end.service import Service, eventually

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR = 3600


class SteppedClock:
    """The service's clock, so many seconds away from ours."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)


@pytest.fixture
def clock(tmp_path):
    return SteppedClock(tmp_path)


@pytest.fixture
def service(breakable, clock):
    return prepare(breakable("--workers", "2", variables=clock.variables))


def _issued_at(token: str) -> float:
    return float(jwt.decode(token, options={"verify_signature": False})["iat"])


def _takes_over(service: Service, load: Load, away: int) -> None:
    """Wait until the service lives in that time."""
    eventually(
        lambda: abs(_issued_at(service.access_token(load.jwt)) - time.time() - away) < 60, within=30
    )


@pytest.mark.parametrize("first", [HOUR, -HOUR])
def test_nothing_revoked_comes_back_and_nothing_crashes(service, clock, first):
    load = Load(service)
    ledger = load.ledger
    with load.running():
        for away in (first, 0, -first, 0):
            before = ledger.count("revoke", 200)
            eventually(lambda before=before: ledger.count("revoke", 200) > before + 5, within=60)
            clock.set(away)
            _takes_over(service, load, away)
            revoked = ledger.revoked[-40:]
            assert not any(service.is_active(*each) for each in revoked)
            assert service.http.get("/readyz").status_code == 200
        before = ledger.count("revoke", 200)
        eventually(lambda: ledger.count("revoke", 200) > before + 5, within=60)

    assert ledger.wrong == []
    assert [each for each, times in ledger.spent.items() if times > 1] == []
    assert not any(service.is_active(*each) for each in ledger.revoked[-100:])
    assert_database_is_whole(service)
    assert_log_is_clean(service)


def test_a_token_lives_by_the_clock_of_whoever_looks(service, clock):
    load = Load(service, changes=False)
    token = service.access_token(load.jwt)

    clock.set(HOUR + 60)
    _takes_over(service, load, HOUR + 60)
    assert not service.is_active(load.jwt, token)  # its hour is over, by this clock
    later = service.access_token(load.jwt)
    assert service.is_active(load.jwt, later)

    clock.set(0)
    _takes_over(service, load, 0)
    assert service.is_active(load.jwt, token)
    assert service.access_token(load.jwt)


def test_a_refresh_token_is_spent_once_whatever_the_clock_says(service, clock):
    load = Load(service, changes=False)
    path = f"/{ISSUER}/oauth2/token"
    first = service.post(path, {"grant_type": "client_credentials"}, load._renewing).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert service.post(path, form, load._renewing).status_code == 200

    for away in (-HOUR, 0, 60):
        clock.set(away)
        _takes_over(service, load, away)
        assert service.post(path, form, load._renewing).status_code == 400
