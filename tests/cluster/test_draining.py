"""How a node ends: balancers hear of it while it still serves, and nothing under way is cut off."""

import os
import signal
import socket

import pytest

from tests.end_to_end.service import Service, eventually, start_service

LONG = {"TOKENBOOTH_DRAIN_SECONDS": "60"}


@pytest.fixture
def start(tmp_path):
    """Start a service; whatever is left of it ends with the test."""
    started: list[Service] = []

    def begin(*arguments: str, **variables: str) -> Service:
        service = start_service(tmp_path, *arguments, variables=variables)
        started.append(service)
        return service

    yield begin
    for service in started:
        service.kill()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serves_on_while_it_says_that_it_goes_until_it_is_told_again(start, workers):
    service = start("--workers", workers, **LONG)
    service.add_api("persons", "persons:read")
    client = service.register("persons")

    service.process.send_signal(signal.SIGTERM)
    service.wait_everywhere(lambda: service.http.get("/readyz").status_code == 503, within=20)
    answer = service.http.get("/readyz")

    assert answer.json() == {"status": "draining"}
    assert service.token(client).status_code == 200
    assert service.http.get("/healthz").status_code == 200
    service.wait_everywhere(
        lambda: service.token(client).headers.get("connection") == "close", within=20
    )
    assert service.process.poll() is None

    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) in (0, -signal.SIGTERM)
    assert "Traceback" not in service.log


def test_ctrl_c_ends_it_without_a_drain(start):
    service = start(**LONG)

    service.process.send_signal(signal.SIGINT)

    assert service.process.wait(20) in (-signal.SIGINT, 128 + signal.SIGINT)


def request_line_by_line(client) -> list[bytes]:
    form = f"client_id={client.client_id}&client_secret={client.secret}"
    body = f"{form}&grant_type=client_credentials".encode()
    return [
        b"POST /oauth2/token HTTP/1.1\r\n",
        b"Host: booth\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\n",
        b"Content-Length: %d\r\n\r\n" % len(body),
        body,
    ]


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_who_waits_in_the_queue_is_served_and_then_let_go(start):
    service = start()
    service.add_api("persons", "persons:read")
    request = b"".join(request_line_by_line(service.register("persons")))

    os.kill(service.process.pid, signal.SIGSTOP)
    waiting = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(9)]
    for connection in waiting:
        connection.sendall(request)
    os.kill(service.process.pid, signal.SIGTERM)
    os.kill(service.process.pid, signal.SIGCONT)

    for connection in waiting:
        with connection:
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close\r\n" in answer
    assert service.process.wait(20) == -signal.SIGTERM


def test_a_request_of_which_a_line_is_missing_is_answered_before_it_ends(start):
    service = start()
    service.add_api("persons", "persons:read")
    first, *rest = request_line_by_line(service.register("persons"))
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(first)
        eventually(lambda: service.http.get("/readyz").status_code == 200)
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: not accepts(service), within=20)
        connection.sendall(b"".join(rest))
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert service.process.wait(20) == -signal.SIGTERM


def accepts(service: Service) -> bool:
    try:
        socket.create_connection(("127.0.0.1", service.port), timeout=5).close()
    except OSError:
        return False
    return True
