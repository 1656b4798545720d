"""The guard as ASGI middleware: for Starlette, and for any other ASGI application."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any

from tokenbooth.guard.asgi import request_url, token_headers
from tokenbooth.guard.guard import Guard
from tokenbooth.guard.refusal import Refusal
from tokenbooth.protocol.scope import Scope

AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1


class GuardMiddleware:
    """Lets nobody through to `app` without a good token that has all of `scopes`.

    The Caller is then `request.state.caller`. `exclude` lists open paths, either exact or ending
    in `/*`. Every method and WebSocket handshakes are guarded; browsers' CORS preflights carry no
    token, so CORS middleware belongs in front of this one. The guard's metadata, if it publishes
    any, is answered here.
    """

    def __init__(
        self,
        app: AsgiApp,
        guard: Guard,
        scopes: str | Iterable[str] = (),
        exclude: Iterable[str] = (),
    ) -> None:
        if isinstance(exclude, str):
            raise TypeError("exclude is a list of paths")
        self._app = app
        self._guard = guard
        self._scopes = Scope.parse(scopes) if isinstance(scopes, str) else Scope.of(scopes)
        paths = tuple(exclude)
        self._open = frozenset(path for path in paths if not path.endswith("/*"))
        self._open_below = tuple(path[:-1] for path in paths if path.endswith("/*"))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        publication = self._guard.publication
        if (
            publication is not None
            and scope["type"] == "http"
            and scope["path"] == publication.path
        ):
            await publication(scope, receive, send)
            return
        try:
            caller = await self._guard.verify(
                token_headers(scope),
                scope.get("method", "GET"),
                request_url(scope),
                scopes=self._scopes,
                certificate=partial(self._guard.certificates.find, scope),
            )
        except Refusal as refusal:
            await _answer(refusal, scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        if path in self._open:
            return True
        # "/open/../orders" begins with "/open/", and some applications then serve "/orders".
        return path.startswith(self._open_below) and ".." not in path


async def _answer(refusal: Refusal, scope: AsgiScope, receive: Receive, send: Send) -> None:
    body = json.dumps(refusal.body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
    ]
    prefix = ""
    if scope["type"] == "websocket":
        await receive()  # the handshake, which is answered before it is accepted
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
            return
        prefix = "websocket."
    await send(
        {"type": f"{prefix}http.response.start", "status": refusal.status, "headers": headers}
    )
    if scope.get("method") == "HEAD":
        body = b""
    await send({"type": f"{prefix}http.response.body", "body": body})
