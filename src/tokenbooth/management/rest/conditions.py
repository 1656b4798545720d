"""Answers that are known already, and changes of what somebody else changed meanwhile.

An ETag (RFC 9110 §8.8.3) reads `"version.content"`: If-None-Match (RFC 9110 §13.1.2) compares all
of it, If-Match (RFC 9110 §13.1.1) the version alone. So a change is not refused because the thing
was used, or got a further credential, since it was looked at.
"""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Response

from tokenbooth.management.errors import Outdated
from tokenbooth.management.rest.answers import Answer

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"

_CONTENT_LENGTH = 16
_STRONG = re.compile(r'"([0-9a-f]{1,64})(?:\.[0-9a-f]{1,64})?"', re.ASCII)


class Looked:
    """A look at one thing: its answer says of which version it is."""

    def __init__(
        self,
        response: Response,
        if_none_match: Annotated[
            str | None,
            Header(alias=IF_NONE_MATCH, description="ETags that are known: answered by 304."),
        ] = None,
    ) -> None:
        self._response = response

    def tag(self, version: str) -> None:
        """Name the version in the answer."""
        self._response.headers["ETag"] = f'"{version}"'


class Edited:
    """A change of one thing: only of the version that If-Match names, if it names one."""

    def __init__(
        self,
        response: Response,
        if_match: Annotated[
            str | None,
            Header(
                alias=IF_MATCH,
                description="The ETag of what was looked at: "
                "refused with 412 if it was changed since.",
            ),
        ] = None,
    ) -> None:
        self._response = response
        self._wanted = if_match

    @property
    def version(self) -> str | None:
        """The version that is to be changed; None: whichever it is."""
        if self._wanted is None or self._wanted.strip() == "*":
            return None
        found = _STRONG.fullmatch(self._wanted.strip())
        if found is None:
            raise Outdated('If-Match takes one ETag as it was answered, like "6d1f…".')
        return found[1]

    def tag(self, version: str) -> None:
        """Name the version that the change made."""
        self._response.headers["ETag"] = f'"{version}"'


LookedAt = Annotated[Looked, Depends()]
EditedAs = Annotated[Edited, Depends()]


def with_content(answer: Answer) -> Answer:
    """Return the answer with what it holds in its ETag."""
    version = answer.header(b"etag")
    if version is None or not answer.body:
        return answer
    content = hashlib.sha256(answer.body).hexdigest()[:_CONTENT_LENGTH]
    tag = version.rstrip(b'"') + b"." + content.encode() + b'"'
    return Answer(answer.status, [*answer.without(b"etag"), (b"etag", tag)], answer.body)


def unless_known(answer: Answer, if_none_match: str | None) -> Answer:
    """Return 304 without a body for an answer that the caller has already."""
    tag = answer.header(b"etag")
    if if_none_match is None or tag is None or answer.status != 200:
        return answer
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    if "*" not in known and tag.decode("ascii") not in known:
        return answer
    return Answer(304, answer.without(b"content-length", b"content-type"), b"")
