"""What people are given: pieces of code and files, and which ones this client has no use for."""

from dataclasses import dataclass, field
from typing import Literal

from tokenbooth.management.errors import Missing, no_such

Language = Literal["bash", "python", "javascript", "go", "http", "json", "dotenv", "yaml"]

MEDIA_TYPES: dict[Language, str] = {"json": "application/json"}  # of a download; else plain text


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One piece of code or one file, whole: pasted or saved, it works."""

    id: str
    title: str
    language: Language
    filename: str  # under which it is saved
    text: str = field(repr=False)  # it may hold a secret, where has_secret says so
    needs: tuple[str, ...]  # programs and packages, as their users call them
    secret_from: str  # where the secret comes from, in words; empty where none is needed
    has_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A format that cannot work for this client, and why."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """Everything that the developer of one client needs to call one API."""

    client_id: str
    issuer: str
    issuer_url: str
    token_endpoint: str
    api: str
    audience: str
    scope: str
    api_url: str  # what the code calls, unless the variable API_URL says otherwise
    is_api_url_example: bool  # nobody here knows where the API is: put its address in
    apis: tuple[str, ...]  # which it may call; `api` is one of them
    authentication: str  # in words: how the client proves who it is
    token_lifetime: int  # seconds
    refresh_lifetime: int | None  # seconds; None: no refresh tokens
    snippets: tuple[Snippet, ...]
    left_out: tuple[LeftOut, ...]

    def snippet(self, format_id: str) -> Snippet:
        """Return the snippet of that format; raises Missing with the reason if it was left out."""
        for each in self.snippets:
            if each.id == format_id:
                return each
        for left_out in self.left_out:
            if left_out.id == format_id:
                raise Missing(f"There is no {left_out.title} for this client. {left_out.reason}")
        formats = [each.id for each in self.snippets]
        raise Missing(no_such("format", format_id[:40], formats))
