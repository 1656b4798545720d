"""kill -9 at any moment: whatever was acknowledged is there after the restart."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
from pysqlite3 import dbapi2 as sqlite

from tests.end_to_end.service import (
    Registered,
    Service,
    assert_log_is_discreet,
    environment,
    eventually,
    start_service,
)

ROUNDS = 3
WRITER = Path(__file__).with_name("writer.py")


class Revoker(threading.Thread):
    """Gets tokens and revokes them until the service is gone; remembers what was acknowledged."""

    def __init__(self, service: Service, client: Registered) -> None:
        super().__init__()
        self._service, self._client = service, client
        self.acknowledged: list[str] = []

    def run(self) -> None:
        try:
            while True:
                token = self._service.token(self._client).json()["access_token"]
                if self._service.revoke(self._client, token).status_code == 200:
                    self.acknowledged.append(token)
        except (httpx2.TransportError, RuntimeError):
            return  # killed, and then the test closed the connections


def test_everything_acknowledged_survives_being_killed(tmp_path):
    moments = random.Random(7009)
    service = start_service(tmp_path, "--workers", "2")
    service.add_api("persons", "persons:read")
    revokers = [service.register("persons", token_format=f) for f in ("jwt", "opaque")]
    notes, revoked = tmp_path / "notes", []
    try:
        for _ in range(ROUNDS):
            before = _lines(notes)
            writer = subprocess.Popen(
                [sys.executable, str(WRITER), service.database, str(notes)], env=environment()
            )
            threads = [Revoker(service, client) for client in revokers]
            eventually(lambda: _lines(notes) > before + 2, within=20, every=0.01)  # noqa: B023
            for thread in threads:
                thread.start()
            time.sleep(moments.uniform(0.2, 1.0))
            service.kill()
            time.sleep(moments.uniform(0.0, 0.1))
            writer.send_signal(signal.SIGKILL)
            writer.wait(5)
            for thread, client in zip(threads, revokers, strict=True):
                thread.join(25)
                assert thread.acknowledged
                revoked += [(client, token) for token in thread.acknowledged]
            assert_log_is_discreet(service)
            service = start_service(tmp_path, "--workers", "2", port=service.port)
            _assert_all_there(service, notes, revoked)
    finally:
        service.kill()
        _ended(writer)
    assert _lines(notes) >= 3 * ROUNDS


def _assert_all_there(service: Service, notes: Path, revoked: list[tuple[Registered, str]]) -> None:
    with sqlite.connect(service.database.removeprefix("sqlite:///")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()
    registered = [Registered(client_id=i, secret=s) for i, s in map(json.loads, _noted(notes))]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda each: service.token(each).status_code, registered))
        assert statuses == [200] * len(registered)
        assert not any(pool.map(lambda each: service.is_active(*each), revoked))
        # The check can tell: a fresh token of the same client is active.
        client = revoked[0][0]
        assert service.is_active(client, service.access_token(client))


def _noted(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def _lines(notes: Path) -> int:
    return len(_noted(notes))


def _ended(writer: subprocess.Popen[bytes]) -> None:
    writer.kill()
    writer.wait(5)
