"""The guard as a FastAPI dependency, which OpenAPI shows as a security scheme."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from tokenbooth.guard.asgi import request_url, token_headers
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.certificates import Certificate, CertificatePlaces
from tokenbooth.guard.publication import Publication
from tokenbooth.guard.refusal import Refusal
from tokenbooth.protocol.scope import Scope

try:
    import fastapi
except ModuleNotFoundError as error:
    raise ImportError(
        "FastAPI is not installed; install it with: pip install 'tokenbooth[fastapi]'"
    ) from error

from fastapi.exception_handlers import http_exception_handler
from fastapi.openapi.models import HTTPBearer
from fastapi.responses import JSONResponse
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Route

__all__ = ["RefusedHTTPException", "install", "publish", "requirement"]


class Verifier(Protocol):
    """What is needed of a guard."""

    issuer: str
    audience: str
    certificates: CertificatePlaces

    async def verify(
        self,
        headers: list[tuple[str, str]],
        method: str,
        url: str,
        *,
        scopes: Scope,
        certificate: Certificate,
    ) -> Caller:
        """Return the caller, or raise Refusal."""


class Publisher(Protocol):
    """What is needed of a guard that publishes metadata."""

    publication: Publication | None


class RefusedHTTPException(HTTPException):
    """A refusal in FastAPI's own terms, so that every FastAPI application can answer it."""

    def __init__(self, refusal: Refusal) -> None:
        text = refusal.body.get("error_description", "")
        super().__init__(refusal.status, detail=text, headers=refusal.headers)
        self.refusal = refusal


def requirement(guard: Verifier, scope: Scope) -> Any:  # noqa: ANN401 - FastAPI's own type here
    """Return the dependency that yields the Caller; `guard.require(...)` is the short form."""
    return fastapi.Security(_Requirement(guard, scope), scopes=list(scope))


def publish(app: fastapi.FastAPI, guard: Publisher) -> None:
    """Let `app` answer with the guard's metadata, at the place that its refusals name."""
    if guard.publication is None:
        raise ValueError("this guard publishes nothing; give it publish_metadata=True")
    app.router.routes.insert(0, Route(guard.publication.path, guard.publication))


def install(app: fastapi.FastAPI) -> None:
    """Answer every Refusal in `app` by RFC 6750, also those raised by `guard.verify` itself.

    Not needed for `guard.require`, unless the application words all its HTTPExceptions in its
    own way and shall leave these alone.
    """
    app.add_exception_handler(Refusal, _answer)
    app.add_exception_handler(RefusedHTTPException, _answer)


class _Requirement(SecurityBase):
    scheme_name = "AccessToken"

    def __init__(self, guard: Verifier, scope: Scope) -> None:
        self.model = HTTPBearer(
            description=f"Access token from {guard.issuer} for {guard.audience}"
        )
        self._guard = guard
        self._scope = scope

    async def __call__(self, connection: HTTPConnection) -> Caller:
        asgi = connection.scope
        try:
            return await self._guard.verify(
                token_headers(asgi),
                asgi.get("method", "GET"),
                request_url(asgi),
                scopes=self._scope,
                certificate=partial(self._guard.certificates.find, asgi),
            )
        except Refusal as refusal:
            _word_by_rfc_6750(asgi)
            raise RefusedHTTPException(refusal) from refusal


def _word_by_rfc_6750(asgi: Mapping[str, Any]) -> None:
    """Have this refusal answered with its own body instead of FastAPI's {"detail": ...}.

    The handlers in force are in the request's scope. An application that set one of its own, for
    this exception or for all, keeps it.
    """
    by_class: dict[Any, Callable[..., Any]]
    by_class, _ = asgi.get("starlette.exception_handlers", ({}, {}))
    if by_class.get(HTTPException) is http_exception_handler:
        by_class.setdefault(RefusedHTTPException, _answer)


def _answer(_: object, error: Exception) -> JSONResponse:
    refusal: Any = error.refusal if isinstance(error, RefusedHTTPException) else error
    return JSONResponse(refusal.body, status_code=refusal.status, headers=refusal.headers)
