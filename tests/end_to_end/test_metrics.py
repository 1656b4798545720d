"""Whichever worker is asked tells what all of them counted, those that were killed too."""

import os
import signal
import socket
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.end_to_end.service import eventually, running

ISSUED = "tokenbooth_token_requests_total"
MEMORY = "process_resident_memory_bytes"


@pytest.fixture
def service(tmp_path):
    with running(tmp_path, "--workers", "2") as service:
        service.add_api("persons", "persons:read")
        yield service


def told(service):
    """The metrics as some worker tells them: each connection may come to another one."""
    answer = httpx2.get(f"{service.url}/metrics", headers={"Connection": "close"})
    assert answer.status_code == 200
    return [sample for family in parse(answer.text) for sample in family.samples]


def issued(service):
    return sum(s.value for s in told(service) if s.name == ISSUED)


def workers(service):
    return {s.labels["worker"] for s in told(service) if s.name == MEMORY}


def children(service):
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


def ask_from_new_connections(service, client, times):
    form = {"grant_type": "client_credentials"}
    for _ in range(times):
        answer = httpx2.post(f"{service.url}/oauth2/token", data=form, auth=client.basic)
        assert answer.status_code == 200


def now(service, name):
    return sum(s.value for s in told(service) if s.name == name)


def test_tells_of_connections_and_of_requests_that_wait(service):
    with socket.create_connection(("127.0.0.1", service.port)) as idle:
        eventually(lambda: now(service, "tokenbooth_connections") >= 2)
        head = "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
        idle.sendall(head.encode())
        # That one, and the one that asks.
        eventually(lambda: now(service, "tokenbooth_requests_under_way") >= 2)


def test_counts_of_all_workers_are_exact_also_after_one_was_killed(service):
    client = service.register("persons")
    eventually(lambda: len(workers(service)) == 2)
    eventually(lambda: service.token(client).status_code == 200)
    before = issued(service)
    ask_from_new_connections(service, client, 30)
    assert [issued(service) for _ in range(6)] == [before + 30] * 6
    killed, *_ = children(service)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in children(service) and len(children(service)) == 2, within=30)
    eventually(lambda: len(workers(service)) == 2, within=30)
    assert issued(service) == before + 30
    ask_from_new_connections(service, client, 10)
    assert [issued(service) for _ in range(6)] == [before + 40] * 6
