"""SIGHUP: the real program reads its settings file anew, whole or not at all, and loses nothing."""

import contextlib
import json
import os
import pty
import resource
import select
import signal
import subprocess
import threading
from pathlib import Path

import httpx2
import pytest

from tests.end_to_end.service import PROGRAM, environment, eventually, start_service

BIG = {"padding": "x" * 3000}


class Reloading:
    """A service with a settings file, and what its log says of reloads."""

    def __init__(self, folder):
        self.file = folder / "settings.toml"
        self.write("max_body_bytes = 2000")
        self.service = start_service(folder, "--settings-file", str(self.file))

    def write(self, *lines):
        self.file.write_text("\n".join(lines))

    def reload(self, *lines, says):
        """Change the file, send SIGHUP, and return the line that tells what came of it."""
        known = len(self.told())
        self.write(*lines)
        os.kill(self.service.process.pid, signal.SIGHUP)
        line = eventually(lambda: self.told()[known:], within=60)[0]
        assert line["event"] == says, line
        return line

    def told(self):
        lines = []
        for line in self.service.log.splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
        return [line for line in lines if line["event"].startswith("settings_")]

    def workers(self):
        """The processes that serve now."""
        text = self.service.http.get("/metrics").text
        (line,) = [x for x in text.splitlines() if x.startswith("tokenbooth_workers ")]
        return float(line.split()[1])

    def takes_big_bodies(self):
        return self.service.post("/oauth2/token", BIG).status_code != 413


@pytest.fixture(scope="module")
def reloading(tmp_path_factory):
    made = Reloading(tmp_path_factory.mktemp("reload"))
    yield made
    assert made.service.stop() in (0, -signal.SIGTERM)


@contextlib.contextmanager
def callers(service, number=4):
    """Ask for keys all the time, on kept connections and on new ones; nothing may be lost."""
    end, lost = threading.Event(), []
    counts = [0] * number

    def call(index):
        kept = httpx2.Limits(max_keepalive_connections=index % 2)
        with httpx2.Client(base_url=service.url, limits=kept, trust_env=False, timeout=40) as http:
            while not end.wait(0.005):
                try:
                    answer = http.get("/.well-known/jwks.json")
                    lost.extend([answer.status_code] * (answer.status_code != 200))
                except httpx2.TransportError as error:
                    lost.append(repr(error))
                counts[index] += 1

    threads = [threading.Thread(target=call, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(counts), within=20)
        yield lost
        seen = list(counts)  # and each goes on afterwards
        eventually(lambda: all(a > b + 5 for a, b in zip(counts, seen, strict=True)), within=20)
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_a_worker_that_died_is_replaced_and_the_log_tells(reloading):
    supervisor = reloading.service.process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    (worker,) = [
        pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(int(worker), signal.SIGKILL)

    eventually(lambda: '"event":"worker_replaced"' in reloading.service.log, within=30)
    eventually(lambda: reloading.workers() == 1, within=30)


def test_changed_settings_are_in_force_and_no_request_is_lost(reloading):
    assert not reloading.takes_big_bodies()

    with callers(reloading.service) as lost:
        line = reloading.reload("max_body_bytes = 9000", says="settings_reloaded")
        eventually(reloading.takes_big_bodies, within=30)

    assert lost == []
    assert line["changed"] == ["max_body_bytes"]


def test_a_mistake_is_told_and_changes_nothing(reloading):
    before = reloading.takes_big_bodies()

    told = reloading.reload(
        "max_body_bytes = 2000", "max_body_byte = 9000", says="settings_not_reloaded"
    )

    assert "did you mean max_body_bytes?" in told["reason"]
    assert reloading.takes_big_bodies() == before


def test_settings_with_which_no_worker_starts_change_nothing(reloading):
    before = reloading.takes_big_bodies()

    told = reloading.reload('master_key_file = "/no/master.key"', says="settings_not_reloaded")

    assert told["reason"].startswith("A new worker did not start")
    assert reloading.takes_big_bodies() == before
    assert "/no/master.key" in reloading.service.log


def test_a_machine_that_lets_no_worker_start_ends_nothing(reloading):
    before = reloading.takes_big_bodies()
    supervisor = reloading.service.process.pid
    usual = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
    used = {int(each.name) for each in Path(f"/proc/{supervisor}/fd").iterdir()}
    free = min(set(range(len(used) + 1)) - used)
    # Enough to read the settings by, too few for the pipes to a process.
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (free + 2, usual[1]))
    try:
        told = reloading.reload("max_body_bytes = 3000", says="settings_not_reloaded")
    finally:
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, usual)

    assert told["reason"].startswith("A new worker did not start")
    assert "Too many open files" in reloading.service.log
    assert reloading.takes_big_bodies() == before
    reloading.reload("max_body_bytes = 2000", says="settings_reloaded")


def test_the_number_of_workers_changes(reloading):
    reloading.reload("workers = 2", says="settings_reloaded")

    eventually(lambda: reloading.workers() == 2, within=30)


def test_a_service_in_a_terminal_ends_when_the_terminal_is_closed(tmp_path):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", "--database", f"sqlite:///{tmp_path}/booth.db"],
        stderr=side,
        env=environment(),
        start_new_session=True,
    )
    try:
        os.close(side)
        said = b""
        while b"serves the issuer" not in said:
            assert select.select([terminal], [], [], 30)[0], said
            said += os.read(terminal, 4096)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == -signal.SIGHUP
    finally:
        os.close(terminal)
        process.kill()
        process.wait()


def test_a_service_without_a_settings_file_says_that_there_is_nothing_to_read(tmp_path):
    service = start_service(tmp_path)
    try:
        os.kill(service.process.pid, signal.SIGHUP)
        eventually(lambda: "There is nothing to read anew" in service.log, within=20)
        assert service.http.get("/readyz").status_code == 200
    finally:
        service.stop()
