"""A balancer of connections, as clouds and Kubernetes have them: it only follows /readyz."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence

import httpx2

LOOK_SECONDS = 0.1
_CHUNK = 65_536


class Balancer:
    """Connects each caller to a node that was ready a moment ago, and leaves the rest to them."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes = nodes
        self.ready: list[str] = []
        self._turn = itertools.count()
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open: set[socket.socket] = set()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._look, self._accept)
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator["Balancer"]:
        """Balance while inside."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            # Wakes the thread that accepts.
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            for thread in self._threads:
                thread.join(10)
            self._listening.close()
            for each in list(self._open):
                each.close()

    def _look(self) -> None:
        with httpx2.Client(trust_env=False, timeout=5) as http:
            while not self._stop.wait(LOOK_SECONDS):
                self.ready = [node for node in self._nodes if _is_ready(http, node)]

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(caller,), daemon=True).start()

    def _connect(self, caller: socket.socket) -> None:
        ready = self.ready
        if not ready:
            caller.close()
            return
        first = next(self._turn) % len(ready)
        node = _connected([*ready[first:], *ready[:first]])
        if node is None:
            caller.close()
            return
        node.settimeout(None)
        self._open |= {caller, node}
        back = threading.Thread(target=_pass_on, args=(node, caller), daemon=True)
        back.start()
        _pass_on(caller, node)
        back.join()
        for each in (caller, node):
            self._open.discard(each)
            each.close()


def _connected(nodes: Sequence[str]) -> socket.socket | None:
    """A connection to the first of them that takes one: balancers try another."""
    for node in nodes:
        host, _, port = node.rpartition("/")[2].partition(":")
        with contextlib.suppress(OSError):
            return socket.create_connection((host, int(port)), timeout=10)
    return None


def _is_ready(http: httpx2.Client, node: str) -> bool:
    try:
        return http.get(f"{node}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
