"""Starting, serving with several workers, stopping and TLS, as a process manager sees it."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from tests.end_to_end.service import (
    Registered,
    Service,
    curl,
    database_in,
    eventually,
    run_program,
    start_service,
)
from tokenbooth.management.clients.credentials import list_credentials


def _is_running(pid: int) -> bool:
    """Whether the process still does anything; a zombie only waits for its parent to look."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _children(service: Service) -> list[int]:
    """The worker processes: children that serve, unlike multiprocessing's resource tracker."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        if parent == service.process.pid and "spawn_main" in command:
            found.append(int(entry.name))
    return found


def _half_sent(service: Service, client: Registered) -> tuple[socket.socket, bytes]:
    """A token request of which the last byte is still to come, and that byte."""
    form = (
        f"client_id={client.client_id}&client_secret={client.secret}&grant_type=client_credentials"
    )
    request = (
        "POST /oauth2/token HTTP/1.1\r\nHost: booth\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    ).encode()
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    connection.sendall(request[:-1])
    return connection, request[-1:]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_under_way_is_finished_before_it_stops(fresh, workers):
    service = fresh(f"drains-{workers}", "--workers", workers)
    service.add_api("persons", "persons:read")
    client = service.register("persons")
    service.access_token(client)
    connection, rest = _half_sent(service, client)
    time.sleep(0.3)
    os.kill(service.process.pid, signal.SIGTERM)
    time.sleep(0.7)
    assert service.process.poll() is None
    with connection:
        connection.sendall(rest)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert service.process.wait(60) in (0, -signal.SIGTERM)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port), timeout=2).close()
    assert "Traceback" not in service.log
    # What was still in memory was written on the way out.
    (credential,) = service.manage(lambda booth: list_credentials(booth, client.client_id))
    assert credential.last_used_at is not None


def test_a_token_of_one_worker_is_good_at_all_and_survives_a_restart(fresh):
    service = fresh("workers", "--workers", "2", "--demo")
    client = service.register("demo", issuer="trulioo-normalized")
    tokens = [service.access_token(client) for _ in range(4)]
    for token in tokens:
        assert {service.is_active(client, token) for _ in range(6)} == {True}
    service.revoke(client, tokens[0])
    assert {service.is_active(client, tokens[0]) for _ in range(12)} == {False}
    service.stop()
    again = fresh("workers", port=service.port)
    assert [again.is_active(client, token) for token in tokens] == [False, True, True, True]


def test_a_worker_that_dies_is_replaced_and_none_outlives_the_service(fresh):
    service = fresh("replaced", "--workers", "2")
    service.add_api("persons", "persons:read")
    client = service.register("persons")
    before = eventually(lambda: len(found := _children(service)) == 2 and found)
    os.kill(before[0], signal.SIGKILL)

    def replaced() -> bool:
        now = _children(service)
        return len(now) == 2 and before[0] not in now

    eventually(replaced, within=60)
    eventually(
        lambda: [service.token(client).status_code for _ in range(8)] == [200] * 8, within=60
    )

    workers = _children(service)
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait(5)
    eventually(lambda: not any(_is_running(pid) for pid in workers), within=30)
    # So the address is free for the next start.
    again = start_service(service.folder, port=service.port)
    again.stop()


def test_one_new_database_is_made_once_by_several_commands_at_once(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        commands = [
            pool.submit(
                run_program,
                *("apis", "create", f"api{n}", "--audience", f"urn:{n}", "--scopes", "a"),
                *("--database", database_in(tmp_path)),
            )
            for n in range(3)
        ]
        assert [each.result().returncode for each in commands] == [0, 0, 0]


def test_serves_tls(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    service = start_service(tmp_path / "tls", *files, authority=str(tmp_path / "ca.pem"))
    try:
        assert service.url.startswith("https://127.0.0.1:")
        answer = curl(
            *("--cacert", str(tmp_path / "ca.pem")),
            f"{service.url}/.well-known/oauth-authorization-server",
        )
        assert answer.json()["issuer"] == service.url
    finally:
        service.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers", "0"], "WORKERS"),
        (["--database", "mysql://x"], "DATABASE"),
        (["--issuer-url", "http://auth.example.com"], "https"),
        (["--tls-cert", "x.pem"], "TLS"),
        (["--dialects", "/nowhere"], "DIALECTS"),
        (["--trusted-proxy", "nonsense"], "PROXY"),
        (["--port", "99999"], "PORT"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_says_what_is_wrong_with_its_settings(tmp_path, arguments, said):
    database = ("--database", database_in(tmp_path))
    done = run_program("serve", *database, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_made_is_no_traceback(tmp_path):
    done = run_program("serve", "--port", "0", "--database", f"sqlite:///{tmp_path}/no/where.db")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_lost_master_key_is_no_traceback_and_no_new_key(tmp_path):
    service = start_service(tmp_path)
    service.stop()
    key = tmp_path / "booth.db.key"
    key.rename(tmp_path / "kept")
    done = run_program("serve", "--port", "0", "--database", database_in(tmp_path))
    assert done.returncode == 1
    assert "key" in done.stderr
    assert "Traceback" not in done.stderr
    assert not key.exists()
