"""The demo's APIs: behind the guard, in the same process as the token service."""

import asyncio
import json
import os
from collections.abc import Mapping, MutableMapping
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.cli.demo import ADMIN_SCOPE, API_CLIENT_ID, LEGACY_ISSUER, DemoIssuer, audience_of
from tokenbooth.guard import Caller, Guard
from tokenbooth.guard.starlette import GuardMiddleware
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import FetchFailed, Request, Response
from tokenbooth.server.exchange import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/demo"
_VARIABLE = "TOKENBOOTH_DEMO_APIS"  # how the worker processes hear of issuers and secrets


def hand_to_workers(issuers: tuple[DemoIssuer, ...]) -> None:
    """Leave in the environment what `demo_apis` needs in every worker process."""
    told = {
        issuer.name: {
            "url": issuer.url,
            "dialect": issuer.dialect.name,
            "secret": issuer.api_secret.reveal(),
        }
        for issuer in issuers
    }
    os.environ[_VARIABLE] = json.dumps(told)


def demo_apis(service: ASGIApp) -> ASGIApp:
    """Return the application at /demo; its guards ask `service` without leaving the process."""
    fetch = InProcessFetch(service, asyncio.get_running_loop())
    paths: dict[str, ASGIApp] = {}
    for name, told in json.loads(os.environ[_VARIABLE]).items():
        guard = _guard(name, told, fetch, accept_basic=False)
        paths[f"{PREFIX}/{name}/whoami"] = GuardMiddleware(_whoami, guard)
        paths[f"{PREFIX}/{name}/admin"] = GuardMiddleware(_whoami, guard, scopes=ADMIN_SCOPE)
        if name == LEGACY_ISSUER:
            legacy = _guard(name, told, fetch, accept_basic=True)
            paths[f"{PREFIX}/{name}/legacy"] = GuardMiddleware(_whoami, legacy)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await paths.get(scope["path"], _nothing)(scope, receive, send)

    return app


def _guard(
    name: str, told: Mapping[str, str], fetch: "InProcessFetch", *, accept_basic: bool
) -> Guard:
    return Guard(
        issuer=told["url"],
        audience=audience_of(name),
        client_id=API_CLIENT_ID,
        secret=Secret(told["secret"]),
        dialect=told["dialect"],
        accept_basic_credentials=accept_basic,
        fetch=fetch,
    )


async def _whoami(scope: Scope, _receive: Receive, send: Send) -> None:
    caller: Caller = scope["state"]["caller"]
    await _send_json(
        send,
        200,
        {
            "client_id": caller.client_id,
            "subject": caller.subject,
            "scope": str(caller.scope),
            "issuer": caller.issuer,
            "audience": list(caller.audience),
            "expires_at": caller.expires_at,
        },
    )


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await _send_json(send, 404, {"error": "not_found"})


async def _send_json(send: Send, status: int, members: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(members).encode()})


class InProcessFetch:
    """Performs a request on an application of this process, on its event loop."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def __call__(self, request: Request) -> Response:
        """Return the answer; called from the guard's own threads, never from the loop."""
        answering = asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)
        try:
            return answering.result(request.timeout)
        except NoAnswer as error:
            answering.cancel()
            raise FetchFailed("timeout", "no answer in time", is_transient=True) from error

    async def _ask(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        headers = {"host": parts.netloc, **{k.lower(): v for k, v in request.headers.items()}}
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": request.method,
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 0),
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
