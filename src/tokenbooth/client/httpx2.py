"""`auth=` for httpx2 and httpx, and through `requests.py` for requests and niquests.

httpx is served without being imported: whoever passes the object to it has imported it already.
"""

import sys
from collections.abc import AsyncGenerator, Generator
from functools import cache
from types import ModuleType

import httpx2

from tokenbooth.client.rejection import names_a_bad_token
from tokenbooth.client.requests import RequestsAuth, Tokens
from tokenbooth.client.token import Token


class SourceAuth(httpx2.Auth, RequestsAuth):
    """Sends a source's token; after a 401 that blames it, sends a new one once."""

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Attach a token for a blocking client."""
        token = self._source.token()
        self._authorize(request, token)
        response = yield request
        if self._may_retry_with_nonce(token, request, response):
            self._authorize(request, token)
            response = yield request
        if self._drops(token, request, response):
            newer = self._source.token()
            if newer.access_token != token.access_token:
                self._authorize(request, newer)
                response = yield request
        self._lacks_nonce(response, ())

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Attach a token for an asynchronous client; the event loop goes on meanwhile."""
        token = await self._source.atoken()
        self._authorize(request, token)
        response = yield request
        if self._may_retry_with_nonce(token, request, response):
            self._authorize(request, token)
            response = yield request
        if self._drops(token, request, response):
            newer = await self._source.atoken()
            if newer.access_token != token.access_token:
                self._authorize(request, newer)
                response = yield request
        self._lacks_nonce(response, ())

    def _may_retry_with_nonce(
        self, token: Token, request: httpx2.Request, response: httpx2.Response
    ) -> bool:
        """Tell whether the call failed for want of a nonce, and may be sent again with it."""
        if response.request.headers.get("Authorization") != token.authorization:
            return False
        challenges = response.headers.get_list("WWW-Authenticate")
        return self._lacks_nonce(response, challenges) and _can_be_repeated(request, response)

    def _drops(self, token: Token, request: httpx2.Request, response: httpx2.Response) -> bool:
        """Drop a token that is to blame; tell whether the call may be sent again."""
        # After a redirect to another host the answer is to a call that carried no token.
        if response.request.headers.get("Authorization") != token.authorization:
            return False
        challenges = response.headers.get_list("WWW-Authenticate")
        if not names_a_bad_token(response.status_code, challenges, token.token_type):
            return False
        return self._source.drop(token) and _can_be_repeated(request, response)


def auth_for(source: Tokens) -> SourceAuth:
    """Return an object that every HTTP library imported so far takes as `auth`."""
    return _kind_of_auth(sys.modules.get("httpx"))(source)


@cache
def _kind_of_auth(httpx: ModuleType | None) -> type[SourceAuth]:
    # httpx and httpx2 each accept only their own Auth class; one object may be of both.
    other = getattr(httpx, "Auth", None)
    if other is None or issubclass(SourceAuth, other):
        return SourceAuth
    return type("SourceAuth", (SourceAuth, other), {})


def _can_be_repeated(request: httpx2.Request, response: httpx2.Response) -> bool:
    if response.request is not request:
        return False  # Redirected: the first hop may have done its work already.
    try:
        _ = request.content
    except RuntimeError:  # RequestNotRead: the body is a stream, and gone.
        return False
    return True
