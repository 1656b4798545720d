"""Large, slow, broken and abandoned requests, byte by byte over sockets of our own."""

import contextlib
import json
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.service import Service, eventually, running

BODY_TIMEOUT = 1.0
HEAD = (
    "POST /oauth2/token HTTP/1.1\r\nHost: booth\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
)
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that waits for a body no longer than a second."""
    variables = {"TOKENBOOTH_BODY_TIMEOUT_SECONDS": str(BODY_TIMEOUT)}
    with running(tmp_path_factory.mktemp("patient"), variables=variables) as service:
        service.add_api("senders", "senders:read")
        yield service


@pytest.fixture(scope="module")
def client(service):
    return service.register("senders")


@pytest.fixture(autouse=True)
def serves_promptly_afterwards(service, client):
    yield
    asked = time.monotonic()
    assert service.token(client).status_code == 200
    assert time.monotonic() - asked < 2


def _talk(service: Service, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, then read until the service hangs up or falls silent."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                if select.select([connection], [], [], pause)[0]:
                    break  # the service has its say; going on would make it hang up
            while chunk := connection.recv(65_536):
                received += chunk
                if _is_complete(received):
                    break
        except (ConnectionError, TimeoutError):
            pass
    return received


def _is_complete(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(found) and len(body) >= int(line.partition(b":")[2])
    return False


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _error(answer: bytes) -> str:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize("path", ["token", "introspect", "revoke"])
def test_refuses_a_megabyte(service, client, path):
    body = "grant_type=client_credentials&token=x&scope=" + "x" * MEGABYTE
    answer = service.post(f"/oauth2/{path}", body, client)
    assert answer.status_code == 413
    assert answer.json()["error"] == "invalid_request"


def test_refuses_a_megabyte_in_chunks_without_a_length(service, client):
    chunks = (b"x" * 65_536 for _ in range(16))
    answer = service.http.post(
        "/oauth2/token",
        content=chunks,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=client.basic,
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "invalid_request"


def test_takes_a_small_body_in_chunks(service, client):
    form = f"grant_type=client_credentials&client_id={client.client_id}&client_secret="
    parts = [form.encode(), client.secret.encode()]
    answer = service.http.post(
        "/oauth2/token",
        content=iter(parts),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200


def test_ends_a_flood_without_reading_it_all(service):
    flood = [f"{HEAD}Content-Length: {200 * MEGABYTE}\r\n\r\n".encode(), *[b"x" * MEGABYTE] * 40]
    started = time.monotonic()
    answer = _talk(service, *flood)
    assert time.monotonic() - started < 10
    assert answer == b"" or _status(answer) == 413


def test_cuts_off_a_sender_that_stops(service):
    started = time.monotonic()
    answer = _talk(service, f"{HEAD}Content-Length: 100\r\n\r\ngrant_type=".encode())
    assert BODY_TIMEOUT * 0.5 < time.monotonic() - started < BODY_TIMEOUT + 3
    assert _status(answer) == 400
    assert _error(answer) == "invalid_request"


def test_cuts_off_a_sender_that_drips(service):
    drips = [f"{HEAD}Content-Length: 100\r\n\r\n".encode(), *[b"x"] * 30]
    started = time.monotonic()
    answer = _talk(service, *drips, pause=0.15)
    assert time.monotonic() - started < 30 * 0.15 + 1
    assert _status(answer) == 400


def test_serves_others_while_slow_senders_hang_on(service, client):
    head = f"{HEAD}Content-Length: 100\r\n\r\ngrant".encode()
    with ThreadPoolExecutor(50) as pool:
        slow = [pool.submit(_talk, service, head) for _ in range(50)]
        time.sleep(0.2)
        asked = time.monotonic()
        assert service.token(client).status_code == 200
        assert time.monotonic() - asked < BODY_TIMEOUT
        assert {_status(each.result()) for each in slow} == {400}


def test_forgets_a_sender_that_hangs_up(service):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
            connection.sendall(f"{HEAD}Content-Length: 100\r\n\r\ngrant".encode())
    time.sleep(0.2)
    assert "internal_error" not in service.log


@pytest.mark.parametrize(
    "parts",
    [
        [f"{HEAD}X-Long: ".encode(), *[b"x" * 32_768] * 5],
        [HEAD.encode(), *[b"X-One: more\r\n" * 2_500] * 5],
        [f"{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ".encode(), *[b"x" * 32_768] * 5],
        [b"POST /" + b"x" * 32_768, *[b"x" * 32_768] * 4],
    ],
    ids=["one header", "many headers", "a trailer", "the request line"],
)
def test_refuses_a_head_without_end(service, parts):
    answer = _talk(service, *parts, pause=0.05)
    # A trailer follows the body: the answer to the request may overtake the refusal.
    assert _status(answer) in (431, 400)
    assert _error(answer) in ("invalid_request", "invalid_client")


@pytest.mark.parametrize("start", [b"", HEAD.encode(), b"\r\n"])
def test_hangs_up_on_a_sender_that_starts_no_request(service, start):
    started = time.monotonic()
    assert _talk(service, start) == b""
    assert BODY_TIMEOUT * 0.5 < time.monotonic() - started < BODY_TIMEOUT * 2 + 2


def test_hangs_up_on_a_sender_that_drips_headers(service):
    started = time.monotonic()
    assert _talk(service, HEAD.encode(), *[b"x"] * 40, pause=0.15) == b""
    assert time.monotonic() - started < 40 * 0.15


def test_answers_what_is_no_http_as_it_answers_any_error(service):
    answer = _talk(service, b"\x00\x01\x02\x03\r\n\r\n")
    assert _status(answer) == 400
    assert _error(answer) == "invalid_request"


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /oauth2/token HTTP/9.9\r\n\r\n",
        HEAD.encode() + b"Content-Length: -1\r\n\r\n",
        HEAD.encode() + b"Content-Length: abc\r\n\r\n",
        HEAD.encode() + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD.encode() + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD.encode() + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS greeting on a plain port
    ],
)
def test_survives_what_is_no_http(service, request_):
    answer = _talk(service, request_)
    assert answer == b"" or 400 <= _status(answer) < 500
    assert "Traceback" not in service.log


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_reads_no_request_in_the_body_of_an_upgrade(service, protocol, waits):
    """A proxy would take the answer to it for that of another caller."""
    hidden = b"GET /healthz HTTP/1.1\r\nHost: booth\r\n\r\n"
    upgrade = f"Connection: Upgrade\r\nUpgrade: {protocol}\r\nContent-Length: {len(hidden)}"
    head = f"{HEAD}{upgrade}\r\n\r\n".encode()
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(head if waits else head + hidden)
        with contextlib.suppress(ConnectionError):
            received = connection.recv(65_536)
            connection.sendall(hidden)
            while chunk := connection.recv(65_536):
                received += chunk
    assert b"HTTP/1.1 200" not in received
    assert _status(received) == 400
    assert b"HTTP_1_1" in received  # what to do in Java
    assert "Traceback" not in service.log


def test_answers_an_upgrade_without_a_body_as_if_it_were_none(service):
    asked = b"GET /healthz HTTP/1.1\r\nHost: booth\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert _status(_talk(service, asked)) == 200


def test_serves_several_requests_on_one_connection(service, client):
    form = f"grant_type=client_credentials&client_id={client.client_id}&client_secret="
    body = form + client.secret
    one = f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    bad = f"{HEAD}Content-Length: 1\r\n\r\n%".encode()
    statuses = []
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        for request in (one, bad, one):
            connection.sendall(request)
            received = b""
            while not _is_complete(received):
                received += connection.recv(65_536)
            statuses.append(_status(received))
    assert statuses == [200, 400, 200]


def test_hangs_up_on_requests_without_end(service):
    endless = b"GET /healthz HTTP/1.1\r\nHost: booth\r\n\r\n" * 3000
    answered = 0
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(endless)
        while received := connection.recv(65_536):
            answered += received.count(b"HTTP/1.1 200 ")
    assert answered < 3000


def test_hangs_up_on_a_caller_that_reads_nothing(service):
    before = _descriptors(service)
    large = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: booth\r\n\r\n" * 50
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(large)
        eventually(lambda: _descriptors(service) > before, within=10)
        eventually(lambda: _descriptors(service) <= before, within=20)


def _descriptors(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))
