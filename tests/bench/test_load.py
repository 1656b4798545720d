"""The load generator, against real servers on loopback."""

import socketserver
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from rich.console import Console

from bench.load import Target, ask_all, get, run_load, same
from bench.openloop import run_rate
from bench.processes import family, free_port, megabytes, running
from bench.progress import Progress
from bench.rounds import HELLO, Case, Pace, measure

PLAIN = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'
)
REFUSED = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"
QUIET = Progress(console=Console(file=sys.stderr, quiet=True), part="test")


@contextmanager
def answering(answer, *, hold=0.0):
    """A server that gives the same answer, in two parts, to whatever it reads."""

    class Answering(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(ConnectionError):
                while self.request.recv(65_536):
                    time.sleep(hold)
                    self.request.sendall(answer[:30])
                    self.request.sendall(answer[30:])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def target(port):
    return Target(port=port, pids=(), stream=same(get("/", port=port)))


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_a_body_is_read_whole_however_it_arrives(answer):
    with answering(answer) as port:
        assert ask_all(port, [get("/", port=port)] * 2) == [b'{"a": 1}'] * 2


def test_every_answer_counts_once():
    with answering(PLAIN) as port:
        load = run_load(target(port), connections=4, seconds=0.1)

    assert load.per_second > 0
    assert load.p50 <= load.p99


def test_any_answer_but_200_ends_the_measurement():
    with answering(REFUSED) as port, pytest.raises(RuntimeError, match="401"):
        run_load(target(port), connections=2, seconds=0.1)


def test_what_a_stretch_uses_up_is_made_before_it():
    made = []
    with answering(PLAIN) as port:
        used = Target(
            port=port, pids=(), stream=same(get("/", port=port)), before=lambda: made.append(1)
        )
        run_load(used, connections=1, seconds=0.05)

    assert made == [1]


def test_at_a_fixed_rate_all_are_answered_where_the_server_keeps_up():
    with answering(PLAIN) as port:
        paced = run_rate(target(port), per_second=50, seconds=0.4, connections=4, grace=60)

    assert paced.answered == 1
    assert paced.p50 <= paced.p99 <= paced.p999


def test_at_a_fixed_rate_waiting_for_a_free_connection_is_counted():
    # 20 requests are due within 0.1 s, and one connection takes 0.02 s for each.
    with answering(PLAIN, hold=0.02) as port:
        paced = run_rate(target(port), per_second=200, seconds=0.1, connections=1, grace=60)

    assert paced.p99 > 0.2e6


def test_a_case_that_fails_is_named_and_the_others_go_on():
    with answering(PLAIN) as good, answering(REFUSED) as bad:
        cases = [
            Case(name=HELLO, target=target(good)),
            Case(name="broken", target=target(bad), signature="ES256"),
            Case(name="gone", target=target(free_port())),
        ]
        measured = measure(cases, Pace(rounds=2, seconds=0.05, connections=2), QUIET)

    assert measured.failed.keys() == {"broken", "gone"}
    assert len(measured.of(HELLO)) == 2
    assert measured.row(cases[1]) == ("failed",)
    assert measured.row(cases[0])[3] == pytest.approx(1.0)
    assert "broken failed: RuntimeError: The server answered" in measured.note()


SERVER = """
import http.server, subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')
"""


def test_a_server_ends_with_all_that_it_started(tmp_path):
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    with running(command, port=port, path="", log=tmp_path / "log", folder=tmp_path) as server:
        members = family(server.pid)
        held = megabytes(server.pid)

    assert len(members) == 2
    assert held > 1
    deadline = time.monotonic() + 30
    while any(_runs(pid) for pid in members):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"  # whom nobody waits for any more


def test_a_server_that_does_not_start_says_why(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with (
        pytest.raises(RuntimeError, match="no such luck"),
        running(command, port=free_port(), log=tmp_path / "log"),
    ):
        pass
