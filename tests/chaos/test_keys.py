"""Keys rotate all the time, and some are pulled: no good token is refused."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import jwt
import pytest

from tests.chaos.conftest import prepare
from tests.chaos.invariants import AUDIENCE, assert_database_is_whole, assert_log_is_clean
from tests.end_to_end.service import Registered, Service, running
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.guard import Guard
from tokenbooth.management.service.keys import remove_key, rotate_key

SECONDS = 20.0
EVERY = 1.5


class HastyClock:
    """Time for a guard that looks at the key set again after a tenth of a second, not 30."""

    def now(self) -> float:
        return SYSTEM_CLOCK.now()

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic() * 600


class Callers:
    """Get tokens, and have guard, key set and introspection look at them at once and later."""

    def __init__(self, service: Service, client: Registered, guard: Guard) -> None:
        self._service = service
        self._client = client
        self._guard = guard
        self.pulled: set[str] = set()
        self.failures: Counter[str] = Counter()
        self.kids: Counter[str] = Counter()
        self.end = time.monotonic() + SECONDS

    def run(self) -> None:
        kept: list[str] = []
        while time.monotonic() < self.end:
            try:
                token = self._service.access_token(self._client)
                kid = _kid(token)
                self.kids[kid] += 1
                if kid not in _published(self._service) and kid not in self.pulled:
                    self.failures["a token's key is not in the key set"] += 1
                kept = [*kept[-10:], token]
                for each in kept:
                    self._look(each)
            except Exception as error:  # noqa: BLE001 - any failure counts
                self.failures[repr(error)] += 1

    def _look(self, token: str) -> None:
        why = None
        try:
            self._guard.verify_sync({"Authorization": f"Bearer {token}"})
            if not self._service.is_active(self._client, token):
                why = "introspection"
        except Exception as error:  # noqa: BLE001 - any failure counts
            why = f"guard: {error!r}"
        # Whatever a pulled key has signed is refused, and nothing else.
        if why is not None and _kid(token) not in self.pulled:
            self.failures[why] += 1


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def _published(service: Service) -> set[str]:
    return {key["kid"] for key in service.http.get("/.well-known/jwks.json").json()["keys"]}


def _current(service: Service) -> str:
    listed = json.loads(service.command("keys", "list", "--json").stdout)
    return next(
        key["kid"] for key in listed if key["purpose"] == "sign" and key["status"] == "current"
    )


@pytest.fixture
def service(tmp_path):
    with running(tmp_path / "rotating", "--workers", "2") as service:
        yield prepare(service)


def test_no_good_token_is_refused_while_keys_change_every_second(service):
    client = service.register("persons")
    with (
        closing(Guard(service.url, AUDIENCE, clock=HastyClock())) as guard,
        ThreadPoolExecutor(2) as pool,
    ):
        callers = Callers(service, client, guard)
        running_calls = [pool.submit(callers.run) for _ in range(2)]
        rounds = 0
        while time.monotonic() < callers.end:
            rounds += 1
            if rounds % 4 == 0:
                kid = _current(service)
                callers.pulled.add(kid)
                service.manage(lambda booth, kid=kid: remove_key(booth, kid, force=True))
            else:
                service.manage(lambda booth: rotate_key(booth, issuer="default", lead=0))
            time.sleep(EVERY)
        for each in running_calls:
            each.result()

    assert callers.failures == Counter()
    assert len(callers.kids) > 3
    assert_database_is_whole(service)
    assert_log_is_clean(service)
