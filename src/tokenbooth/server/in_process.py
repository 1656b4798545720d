"""Performs HTTP requests on an application of this process, for guards and pages beside it."""

import asyncio
from collections.abc import MutableMapping
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.remote.fetch import FetchFailed, Request, Response
from tokenbooth.server.exchange import ASGIApp, Message


class InProcessFetch:
    """Performs a request on an application of this process, on its event loop."""

    def __init__(
        self, app: ASGIApp, loop: asyncio.AbstractEventLoop, *, source: str = "127.0.0.1"
    ) -> None:
        self._app = app
        self._loop = loop
        self._source = source  # the address that the requests come from

    def __call__(self, request: Request) -> Response:
        """Return the answer; called from the guard's own threads, never from the loop."""
        answering = asyncio.run_coroutine_threadsafe(self.ask(request), self._loop)
        try:
            return answering.result(request.timeout)
        except NoAnswer as error:
            answering.cancel()
            raise FetchFailed("timeout", "no answer in time", is_transient=True) from error

    async def ask(self, request: Request) -> Response:
        """Return the answer; called on the event loop itself."""
        parts = urlsplit(request.url)
        headers = {"host": parts.netloc, **{k.lower(): v for k, v in request.headers.items()}}
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": request.method,
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": (self._source, 0),
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return Response(
            status=sent[0]["status"],
            headers={k.decode(): v.decode() for k, v in sent[0]["headers"]},
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )
