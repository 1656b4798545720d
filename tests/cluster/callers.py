"""Callers who go on while nodes come and go, and note every request that failed."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import requests

from tests.end_to_end.service import Registered

Call = Callable[[], object]
ISSUED = {"grant_type": "client_credentials"}
_PAUSE = 0.005


class Callers:
    """Threads that each make one kind of call over and over, until told to end."""

    def __init__(self, **calls: Call) -> None:
        self.names = tuple(calls)
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=item, daemon=True) for item in calls.items()
        ]

    @contextlib.contextmanager
    def calling(self) -> Iterator["Callers"]:
        """Call while inside."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, name: str, call: Call) -> None:
        while not self._stop.wait(_PAUSE):
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller was let down
                self.failures.append(f"{name}: {error!r}")
            else:
                self.done[name] += 1


def checked(answer: httpx2.Response | requests.Response) -> dict[str, Any]:
    assert answer.status_code in (200, 201), (answer.status_code, answer.text)
    return answer.json() if answer.content else {}


def through_nginx(http: httpx2.Client, client: Registered, owner: Registered) -> dict[str, Call]:
    """Calls over kept connections; those of the management API are sent once, not repeated."""
    form = {"auth": client.basic}

    def life_of_a_token() -> None:
        token = checked(http.post("/oauth2/token", data=ISSUED, **form))["access_token"]
        told = checked(http.post("/oauth2/introspect", data={"token": token}, **form))
        assert told["active"] is True
        assert http.post("/oauth2/revoke", data={"token": token}, **form).status_code == 200
        told = checked(http.post("/oauth2/introspect", data={"token": token}, **form))
        assert told == {"active": False}

    token = checked(http.post("/oauth2/token", data=ISSUED, auth=owner.basic))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    def new_client() -> None:
        checked(http.post("/api/v1/clients", json={"apis": ["persons"]}, headers=headers))

    return {"life_of_a_token": life_of_a_token, "new_client": new_client}
