"""What applications behind the hot endpoints share: made when first needed, fed what was read."""

import asyncio
from collections.abc import Callable, Sequence

from tokenbooth.server.exchange import ASGIApp, Exchange, Header, Message, Receive, Send


class LateApp:
    """An application that is made at its first request; `build` runs in a thread."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._building: asyncio.Task[ASGIApp] | None = None

    async def get(self) -> ASGIApp:
        """Return the application; whoever comes while it is made waits for the same one."""
        if self._building is None or (self._building.done() and self._building.exception()):
            # In a thread: it takes a second or so, and tokens are issued meanwhile.
            self._building = asyncio.create_task(asyncio.to_thread(self._build))
        return await asyncio.shield(self._building)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body, read before, in one piece."""
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def finishing(exchange: Exchange, send: Send, headers: Sequence[Header] = ()) -> Send:
    """Return a `send` that notes the status, and adds the request's id and missing `headers`."""

    async def finish(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            present = {name for name, _ in message["headers"]}
            added = [each for each in headers if each[0] not in present]
            request_id = (b"x-request-id", exchange.request_id.encode())
            message = {**message, "headers": [*message["headers"], *added, request_id]}
        await send(message)

    return finish
