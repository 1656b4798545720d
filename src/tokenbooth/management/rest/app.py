"""The FastAPI application of the management API: its resources, refusals and OpenAPI document."""

import re
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from tokenbooth import __version__
from tokenbooth.guard import Guard, Refusal
from tokenbooth.management.errors import (
    Ambiguous,
    BadInput,
    Conflict,
    Failed,
    ManagementError,
    Missing,
    NotAllowed,
    Outdated,
)
from tokenbooth.management.rest import (
    access_requests,
    accounts,
    apis,
    audit,
    clients,
    credentials,
    instructions,
    invitations,
    issuers,
    keys,
    members,
    proofs,
    rotation,
)
from tokenbooth.management.rest.access import Gate
from tokenbooth.management.rest.document import document_of
from tokenbooth.management.rest.idempotency import Repeated
from tokenbooth.management.rest.problems import MEDIA_TYPE, problem
from tokenbooth.management.rest.rights import PATH, audience_at
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.stores.contract import (
    AlreadyExists,
    NotFound,
    Stale,
    StillInUse,
    StoreError,
    StoreUnavailable,
)

_RETRY = {"Retry-After": "2"}
_STATUSES: dict[type[Exception], tuple[int, str]] = {
    BadInput: (422, "bad_input"),
    Missing: (404, "not_found"),
    Outdated: (412, "outdated"),
    Conflict: (409, "conflict"),
    NotAllowed: (403, "not_allowed"),
    Stale: (412, "outdated"),
    Failed: (503, "failed"),
    AlreadyExists: (409, "conflict"),
    StillInUse: (409, "conflict"),
    NotFound: (404, "not_found"),
}
_DESCRIPTION = """Everything that `tokenbooth` on the command line manages.

Send an access token of the default issuer for this API: register a client with
`tokenbooth clients create --api management --scope "clients:read clients:write"`.
A token may give no client more of this API than it has itself."""


class ProblemResponse(JSONResponse):
    """An answer of problem details."""

    media_type = MEDIA_TYPE


def build(*, booth: Booth, guard: Guard, base_url: str) -> FastAPI:
    """Return the application, with its document made."""
    app = FastAPI(
        title="Tokenbooth management API",
        version=__version__,
        description=_DESCRIPTION,
        servers=[{"url": audience_at(base_url)}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.booth = booth
    app.state.gate = Gate(guard, booth)
    for resource in (
        issuers,
        apis,
        clients,
        credentials,
        proofs,
        rotation,
        access_requests,
        instructions,
        keys,
        accounts,
        members,
        invitations,
        audit,
    ):
        app.include_router(resource.router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(ManagementError, _not_managed)
    app.add_exception_handler(StoreError, _not_stored)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Repeated, _repeated)
    app.add_exception_handler(Exception, _fault)
    document = document_of(app, base_url)
    app.openapi = lambda: document  # type: ignore[method-assign]  # how FastAPI is told
    app.state.methods = _methods(document)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


async def _refused(_: Request, refusal: Exception) -> ProblemResponse:
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for no other class
    code = refusal.body.get("error", "no_token")
    detail = refusal.body.get("error_description", "Send an access token: Authorization: Bearer …")
    return ProblemResponse(
        problem(refusal.status, code, detail), refusal.status, headers=refusal.headers
    )


async def _not_managed(_: Request, error: Exception) -> ProblemResponse:
    status, code = _status_of(error)
    more = {"issuers": error.issuers} if isinstance(error, Ambiguous) else {}
    headers = _RETRY if status == 503 else None
    return ProblemResponse(problem(status, code, str(error), **more), status, headers=headers)


async def _not_stored(request: Request, error: Exception) -> ProblemResponse:
    if isinstance(error, StoreUnavailable):
        text = "The service cannot reach its database; try again."
        members = problem(503, "temporarily_unavailable", text)
        return ProblemResponse(members, 503, headers=_RETRY)
    return await _not_managed(request, error)


async def _not_valid(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for no other class
    # What was sent is not repeated: it may be a secret in the wrong place.
    mistakes = [_mistake(each["loc"], each["msg"]) for each in error.errors()]
    text = "Some values cannot be used; see errors."
    return ProblemResponse(problem(422, "bad_input", text, errors=mistakes), 422)


async def _not_served(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
    code, text, headers = "failed", str(error.detail), error.headers
    if error.status_code == 404:
        code, text = "not_found", f"There is nothing here; see {PATH}/openapi.json."
    elif error.status_code == 405:
        headers = {"Allow": _allowed(request)}
        code, text = "method_not_allowed", f"This resource takes {headers['Allow']}."
    members = problem(error.status_code, code, text)
    return ProblemResponse(members, error.status_code, headers=headers)


async def _repeated(_: Request, repeated: Exception) -> Response:
    assert isinstance(repeated, Repeated)  # noqa: S101 - registered for no other class
    answer = repeated.answer
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response


async def _fault(_: Request, _error: Exception) -> ProblemResponse:
    text = "The service failed; its log says why, under the X-Request-Id of this answer."
    return ProblemResponse(problem(500, "server_error", text), 500)


def _methods(document: dict[str, Any]) -> list[tuple[re.Pattern[str], str]]:
    """Return for each path all the methods that it takes; Starlette knows those of one route."""
    found = []
    # A path that is named whole before one that takes any name in the same place.
    for path, operations in sorted(document["paths"].items(), key=lambda each: each[0].count("{")):
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        found.append((pattern, ", ".join(method.upper() for method in operations)))
    return found


def _allowed(request: Request) -> str:
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    for pattern, methods in request.app.state.methods:
        if pattern.fullmatch(path):
            return str(methods)
    return "GET"


def _status_of(error: Exception) -> tuple[int, str]:
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            return status
    return 500, "server_error"


def _mistake(place: tuple[int | str, ...], text: str) -> dict[str, str]:
    where, *path = place
    if where != "body":
        return {"in": str(where), "name": ".".join(map(str, path)), "detail": text}
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return {"in": "body", "pointer": "".join(f"/{step}" for step in steps), "detail": text}
