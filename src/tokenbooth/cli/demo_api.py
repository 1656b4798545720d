"""The demo's APIs: behind the guard, in the same process as the token service."""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from tokenbooth.cli.demo import ADMIN_SCOPE, API_CLIENT_ID, LEGACY_ISSUER, DemoIssuer, audience_of
from tokenbooth.guard import Caller, Guard
from tokenbooth.guard.starlette import GuardMiddleware
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.exchange import ASGIApp, Receive, Scope, Send
from tokenbooth.server.in_process import InProcessFetch

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
    name: str, told: Mapping[str, str], fetch: InProcessFetch, *, accept_basic: bool
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
