"""`auth=` for requests and niquests, which take any callable; neither is imported here."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from tokenbooth.client.rejection import names_a_bad_token
from tokenbooth.client.token import Token


class Tokens(Protocol):
    """What an adapter needs of a token source."""

    def token(self) -> Token:
        """Return a valid token."""

    async def atoken(self) -> Token:
        """Return a valid token without blocking."""

    def drop(self, token: Token) -> bool:
        """Stop handing out this token; tell whether another may be had."""

    def check_target(self, url: str) -> None:
        """Refuse to send a token there in the clear."""


class RequestsAuth:
    """Sends a source's token; after a 401 that blames it, sends a new one once."""

    def __init__(self, source: Tokens) -> None:
        self._source = source

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - either library's
        if not hasattr(request, "register_hook"):
            raise TypeError(
                "Take source.auth after the import of httpx, or pass it to httpx2, requests or "
                "niquests: this library calls it in a way of its own."
            )
        self._source.check_target(str(request.url))
        token = self._source.token()
        request.headers["Authorization"] = token.authorization
        rewind = _rewinding(request.body)
        request.register_hook("response", partial(self._after, token, rewind))
        return request

    def _after(
        self,
        token: Token,
        rewind: Callable[[], None] | None,
        response: Any,  # noqa: ANN401 - either library's
        **kwargs: object,
    ) -> Any:  # noqa: ANN401 - either library's
        # Theft: after a redirect to another host the library took the header off; so do we.
        if response.request.headers.get("Authorization") != token.authorization:
            return response
        challenge = response.headers.get("WWW-Authenticate")
        if not names_a_bad_token(response.status_code, [challenge] if challenge else []):
            return response
        if not self._source.drop(token) or rewind is None:
            return response
        newer = self._source.token()
        if newer.access_token == token.access_token:
            return response
        _ = response.content  # Read to the end, so that the connection can be used again.
        response.close()
        again = response.request.copy()
        rewind()
        again.headers["Authorization"] = newer.authorization
        answer = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        return answer


def _rewinding(body: Any) -> Callable[[], None] | None:  # noqa: ANN401 - either library's
    """Return what makes the body ready to be sent again, None where it is gone once sent."""
    if body is None or isinstance(body, str | bytes | bytearray):
        return lambda: None
    try:
        start = body.tell()
        body.seek(start)
    except (AttributeError, OSError, ValueError):
        return None
    return partial(body.seek, start)
