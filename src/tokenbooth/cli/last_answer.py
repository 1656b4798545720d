"""The answer behind a token: a token source hands out less than came."""

import re

from tokenbooth.remote.fetch import Fetch, Request, Response

_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)


class LastAnswer:
    """Fetches, and keeps the last answer."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.response: Response | None = None

    def __call__(self, request: Request) -> Response:
        self.response = None
        self.response = self._fetch(request)
        return self.response

    @property
    def request_id(self) -> str:
        """The X-Request-Id, for the operator to look up; empty where there is none."""
        found = self.response.headers.get("x-request-id", "") if self.response else ""
        return found if _REQUEST_ID.fullmatch(found) else ""

    def named(self) -> str:
        """Return which request it was, to end a sentence with."""
        return f" X-Request-Id: {self.request_id}" if self.request_id else ""
