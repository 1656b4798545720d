"""Long lists in pages: a cursor says behind which entry the next one begins (RFC 8288 links)."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from tokenbooth.management.errors import BadInput

MOST = 500
USUAL = 100
_LONGEST_CURSOR = 2048

T = TypeVar("T")
Key = tuple[str, ...]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the cursor of the one that follows, if there is more."""

    items: list[T]
    next: str | None


class Paging:
    """Which page is asked for."""

    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many.")] = USUAL,
        cursor: Annotated[
            str | None,
            Query(max_length=_LONGEST_CURSOR, description="The `next` of the page before."),
        ] = None,
    ) -> None:
        self.limit = limit
        self._cursor = cursor
        self._request = request
        self._response = response

    def after(self, parts: int) -> Key | None:
        """Return the key that the cursor holds, which has so many parts; raises BadInput."""
        if self._cursor is None:
            return None
        try:
            padded = self._cursor + "=" * (-len(self._cursor) % 4)
            raw = urlsafe_b64decode(padded.encode("ascii"))
            key = tuple(msgspec.json.decode(raw, type=list[str]))
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise _not_ours() from error
        if len(key) != parts or not all(part.isprintable() for part in key):
            raise _not_ours()
        return key

    def page(self, found: Sequence[T], key: Callable[[T], Key]) -> Page[T]:
        """Return the page of `found`, which begins where the cursor says and is long enough."""
        items, following = list(found[: self.limit]), None
        if len(found) > self.limit:
            raw = msgspec.json.encode(key(items[-1]))
            following = urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
            self._response.headers["Link"] = f'<{self._reference(following)}>; rel="next"'
        return Page(items=items, next=following)

    def part(self, everything: Sequence[T], key: Callable[[T], Key]) -> Page[T]:
        """Return the page of a list that is at hand as a whole."""
        ordered = sorted(everything, key=key)
        if not ordered:
            return Page(items=[], next=None)
        after = self.after(len(key(ordered[0])))
        rest = [each for each in ordered if after is None or key(each) > after]
        return self.page(rest, key)

    def _reference(self, cursor: str) -> str:
        # Relative to the address that was called, whatever stands in front of the service.
        kept = [(k, v) for k, v in self._request.query_params.multi_items() if k != "cursor"]
        return "?" + urlencode([*kept, ("cursor", cursor)])


def _not_ours() -> BadInput:
    return BadInput("This cursor is not from here: leave it out to begin at the first page.")


Asked = Annotated[Paging, Depends()]
