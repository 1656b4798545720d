"""Slow, huge, silent and half-closed connections in bulk: everybody else is served meanwhile."""

import contextlib
import os
import resource
import socket
import time
from pathlib import Path

import httpx2
import pytest

from tests.chaos.conftest import prepare
from tests.chaos.invariants import assert_log_is_clean, assert_recovers
from tests.end_to_end.service import PROGRAM, Registered, Service, eventually

PATIENCE = 2.0
MANY = 3000
FEW_DESCRIPTORS = 400
HEAD = (
    b"POST /oauth2/token HTTP/1.1\r\nHost: booth\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
LARGE = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: booth\r\n\r\n"
KEYS = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: booth\r\n\r\n"


@pytest.fixture(scope="module")
def most():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def service(breakable, most):
    return prepare(breakable(variables={"TOKENBOOTH_BODY_TIMEOUT_SECONDS": str(PATIENCE)}))


@pytest.fixture
def client(service):
    client = service.register("persons")
    service.access_token(client)
    return client


@contextlib.contextmanager
def connections(service: Service, number: int, *, buffer: int = 0):
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(number):
            each = stack.enter_context(socket.socket())
            if buffer:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            each.settimeout(30)
            each.connect(("127.0.0.1", service.port))
            made.append(each)
        yield made


def _is_served(service: Service, client: Registered) -> None:
    for _ in range(5):
        assert service.token(client).status_code == 200


def _all_hung_up_on(made: list[socket.socket]) -> bool:
    return all(_is_hung_up_on(each) for each in made)


def _is_hung_up_on(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 50\r\n\r\ngrant",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5",
    ],
    ids=["silent", "in the head", "in the body", "in a chunk"],
)
def test_thousands_that_never_finish_keep_nobody_waiting(service, client, beginning):
    with connections(service, MANY) as made:
        for each in made:
            each.sendall(beginning)
        _is_served(service, client)
        # Each is ended after its patience, or twice that, by a timer of its own.
        eventually(lambda: _all_hung_up_on(made), within=60, every=0.5)
    assert_recovers(service, client)
    assert_log_is_clean(service)


def test_callers_who_read_no_answers_are_hung_up_on(service, client):
    with connections(service, 50, buffer=2048) as made:
        for each in made:
            each.setblocking(False)
            with contextlib.suppress(OSError):
                each.send(LARGE * 50)  # megabytes, which no buffer holds
        _is_served(service, client)
        assert _descriptors(service) > 50
        eventually(lambda: _descriptors(service) < 50, within=60, every=0.5)
    assert_recovers(service, client)
    assert_log_is_clean(service)


def test_requests_sent_without_waiting_for_answers_fill_no_memory(service, client):
    before = _resident_megabytes(service)
    with connections(service, 4) as made:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for each in made:
                each.setblocking(False)
                with contextlib.suppress(OSError):
                    each.send(KEYS * 2000)
    assert _resident_megabytes(service) < before + 100
    assert_recovers(service, client)
    assert_log_is_clean(service)


def test_half_closed_and_torn_connections_leave_nothing_behind(service, client):
    before = _descriptors(service)
    for _ in range(5):
        with connections(service, 200) as made:
            for number, each in enumerate(made):
                each.sendall(HEAD + b"Content-Length: 100\r\n\r\ngrant_type=")
                if number % 2:
                    each.shutdown(socket.SHUT_WR)
    _is_served(service, client)
    eventually(lambda: _descriptors(service) <= before + 5, within=30)
    assert_log_is_clean(service)


def test_out_of_descriptors_it_serves_whom_it_has_and_spins_not(breakable, most):
    service = prepare(breakable())
    client = service.register("persons")
    service.access_token(client)
    pid = service.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, FEW_DESCRIPTORS))
    with connections(service, 1) as (kept,):
        _asks(kept)
        with connections(service, 3 * FEW_DESCRIPTORS):
            _asks(kept)
            busy, length = _cpu_seconds(pid), len(service.log)
            for _ in range(6):
                time.sleep(0.5)
                _asks(kept)
            assert _cpu_seconds(pid) - busy < 2.0
            assert len(service.log) - length < 20_000
        # Revocations need the database, whose files were open before.
        assert_recovers(service, client)
    assert_log_is_clean(service)


def test_silent_connections_make_room_for_those_who_ask(breakable, most, limited):
    limited(f"-n {FEW_DESCRIPTORS}")
    service = prepare(breakable())
    client = service.register("persons")
    with connections(service, 2 * FEW_DESCRIPTORS):
        time.sleep(1.5)  # from then on they are taken for idle
        for _ in range(20):
            eventually(lambda: _is_answered(service, client), within=10)
    assert_recovers(service, client)
    assert_log_is_clean(service)


def test_takes_as_many_connections_as_the_machine_lets_it(breakable, most, limited):
    limited("-S -n 1024")
    service = breakable()
    assert resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE) == (most, most)


@pytest.fixture
def limited(tmp_path, monkeypatch):
    """Start services within a limit, as a process manager sets it."""

    def limit(how: str) -> None:
        script = tmp_path / "limited"
        script.write_text(f'#!/bin/sh\nulimit {how}\nexec {PROGRAM} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setattr("tests.end_to_end.service.PROGRAM", str(script))

    return limit


def _is_answered(service: Service, client: Registered) -> bool:
    try:
        return service.token(client).status_code == 200
    except httpx2.TransportError:
        return False


def _asks(connection: socket.socket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: booth\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        received = connection.recv(65_536)
        assert received, "hung up on"
        answer += received
    assert answer.startswith(b"HTTP/1.1 200 ")


def _descriptors(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_megabytes(service: Service) -> float:
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
