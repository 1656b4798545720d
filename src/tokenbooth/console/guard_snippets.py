"""Ready code that protects one API with the guard, or asks the service about a token."""

import json
from dataclasses import dataclass

from tokenbooth.management.service.issuers import IssuerView
from tokenbooth.server.issuer_view import INTROSPECTION_PATH
from tokenbooth.server.records import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSnippet:
    """One way to check tokens for the API."""

    id: str
    title: str
    about: str
    text: str


def guard_snippets(api: Api, issuer: IssuerView) -> tuple[GuardSnippet, ...]:
    """Return code with the issuer, the audience and a scope of the API filled in."""
    scope = api.scopes[0].name if api.scopes else ""
    guard = _guard(api, issuer)
    return (
        GuardSnippet(
            id="guard-fastapi",
            title="FastAPI",
            about="Needs: pip install 'tokenbooth[fastapi]'.",
            text=_fastapi(guard, scope),
        ),
        GuardSnippet(
            id="guard-asgi",
            title="Starlette, any ASGI",
            about="Needs: pip install tokenbooth starlette. It wraps any ASGI application.",
            text=_asgi(guard, scope),
        ),
        GuardSnippet(
            id="guard-any",
            title="Any Python",
            about="Needs: pip install tokenbooth. Hand it headers, method and URL of a request.",
            text=_any(guard, scope),
        ),
        GuardSnippet(
            id="guard-introspection",
            title="Any language",
            about=(
                "Ask the service about a token. The client is one that an operator made "
                "a resource server for this API."
            ),
            text=_introspection(issuer),
        ),
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _guard(api: Api, issuer: IssuerView) -> str:
    lines = [
        "guard = Guard(",
        f"    issuer={_quoted(issuer.url)},",
        f"    audience={_quoted(api.audience)},",
    ]
    if issuer.token_format == "opaque":
        # The service alone can open these tokens: the guard asks it, as a client of its own.
        lines += [
            '    client_id="the-client-of-this-api",',
            '    secret="env:GUARD_SECRET",',
        ]
    return "\n".join([*lines, ")"])


def _fastapi(guard: str, scope: str) -> str:
    return f"""\
from typing import Annotated

from fastapi import FastAPI
from tokenbooth.guard import Caller, Guard

{guard}
app = FastAPI()


@app.get("/hello")
async def hello(caller: Annotated[Caller, guard.require({_quoted(scope)})]) -> dict[str, str]:
    return {{"hello": caller.client_id}}
"""


def _asgi(guard: str, scope: str) -> str:
    return f"""\
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tokenbooth.guard import Guard
from tokenbooth.guard.starlette import GuardMiddleware

{guard}


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.caller.client_id)


app = Starlette(
    routes=[Route("/hello", hello)],
    middleware=[Middleware(GuardMiddleware, guard=guard, scopes={_quoted(scope)})],
)
"""


def _any(guard: str, scope: str) -> str:
    return f"""\
from tokenbooth.guard import Guard, Refusal

{guard}


def answer(headers: dict[str, str], method: str, url: str) -> tuple[int, dict[str, str], str]:
    try:
        caller = guard.verify_sync(headers, method, url, scopes={_quoted(scope)})
    except Refusal as refusal:
        return refusal.status, dict(refusal.headers), ""
    return 200, {{}}, f"Hello, {{caller.client_id}}"
"""


def _introspection(issuer: IssuerView) -> str:
    return f"""\
curl --user "the-client-of-this-api:$GUARD_SECRET" \\
  --data-urlencode "token=$TOKEN" \\
  {issuer.url}{INTROSPECTION_PATH}
# {{"active":true,"client_id":…,"scope":…,"aud":…}} or {{"active":false}}
"""
