"""`auth=` for requests and niquests, which take any callable; neither is imported here."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from tokenbooth.client.rejection import demands_a_nonce, names_a_bad_token
from tokenbooth.client.token import Token


class Tokens(Protocol):
    """What an adapter needs of a token source."""

    def token(self) -> Token:
        """Return a valid token."""

    async def atoken(self) -> Token:
        """Return a valid token without blocking."""

    def drop(self, token: Token) -> bool:
        """Stop handing out this token; tell whether another may be had."""

    def headers(self, token: Token, method: str, url: str) -> Mapping[str, str]:
        """Return the headers of one call with that token; refuse to send it in the clear."""

    def note_nonce(self, url: str, unverified_nonce: str | None) -> bool:
        """Keep a DPoP-Nonce for the next proof; tell whether it is a new one."""


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
        token = self._source.token()
        self._authorize(request, token)
        rewind = _rewinding(request.body)
        request.register_hook("response", partial(self._after, token, rewind))
        return request

    def _authorize(self, request: Any, token: Token) -> None:  # noqa: ANN401 - any library's
        request.headers.update(self._source.headers(token, request.method, str(request.url)))

    def _lacks_nonce(
        self,
        response: Any,  # noqa: ANN401 - any library's
        challenges: Sequence[str],
    ) -> bool:
        """Keep the nonce of an answer; tell whether the call failed for want of it alone."""
        nonce = response.headers.get("DPoP-Nonce")
        is_new = self._source.note_nonce(str(response.request.url), nonce)
        return is_new and demands_a_nonce(response.status_code, challenges)

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
        if self._lacks_nonce(response, _challenges(response)) and rewind is not None:
            response = self._again(token, rewind, response, **kwargs)
            self._lacks_nonce(response, ())
        if not names_a_bad_token(response.status_code, _challenges(response), token.token_type):
            return response
        if not self._source.drop(token) or rewind is None:
            return response
        newer = self._source.token()
        if newer.access_token == token.access_token:
            return response
        return self._again(newer, rewind, response, **kwargs)

    def _again(
        self,
        token: Token,
        rewind: Callable[[], None],
        response: Any,  # noqa: ANN401 - either library's
        **kwargs: object,
    ) -> Any:  # noqa: ANN401 - either library's
        """Send the call once more, with this token and a new proof."""
        _ = response.content  # Read to the end, so that the connection can be used again.
        response.close()
        again = response.request.copy()
        rewind()
        self._authorize(again, token)
        answer = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        return answer


def _challenges(response: Any) -> list[str]:  # noqa: ANN401 - either library's
    challenge = response.headers.get("WWW-Authenticate")
    return [challenge] if challenge else []


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
