"""An API of the standard library's HTTP server behind our guard, for other people's clients."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tokenbooth.guard import Guard, Refusal


@contextlib.contextmanager
def guarded_api(issuer: str, audience: str | None = None, **more: Any) -> Iterator[str]:
    """Serve an API that tells each caller who it is; its address is its audience unless told."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        server.guard = Guard(issuer, audience or url, public_url=url, **more)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield url
        finally:
            server.shutdown()
            serving.join()
            server.guard.close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/.well-known/"):
            self._answer(200, {}, self.server.guard.publication.members)
            return
        try:
            caller = self.server.guard.verify_sync(self.headers.items(), "GET", self.path)
        except Refusal as refusal:
            self._answer(refusal.status, dict(refusal.headers), {"error": str(refusal)})
        else:
            self._answer(200, {}, {"client_id": caller.client_id})

    def _answer(self, status: int, headers: dict[str, str], told: Mapping[str, Any]) -> None:
        body = json.dumps(dict(told)).encode()
        self.send_response(status)
        kind = {"Content-Type": "application/json"}
        for name, value in {**kind, **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
