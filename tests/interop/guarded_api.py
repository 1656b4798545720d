"""An API of the standard library's HTTP server behind our guard, for other people's clients."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tokenbooth.guard import Guard, Refusal


@contextlib.contextmanager
def guarded_api(issuer: str, audience: str, **more: Any) -> Iterator[str]:
    """Serve an API that tells each caller who it is, at the address that is given."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        server.guard = Guard(issuer, audience, public_url=url, **more)
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
        try:
            caller = self.server.guard.verify_sync(self.headers.items(), "GET", self.path)
        except Refusal as refusal:
            self._answer(refusal.status, dict(refusal.headers), {"error": str(refusal)})
        else:
            self._answer(200, {}, {"client_id": caller.client_id})

    def _answer(self, status: int, headers: dict[str, str], told: dict[str, str]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
