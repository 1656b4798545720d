"""How one vendor's token endpoint differs from the standard: data in TOML, used by both ends."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec

from tokenbooth.protocol.errors import OAUTH_CODES, InvalidScope, printable
from tokenbooth.protocol.scope import Scope

STANDARD = "standard"
MAX_LIFETIME = 366 * 86_400

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_LINE = re.compile(r"[!-~]+(?: [!-~]+)*")


def _refuse_unprintable(description: str | None) -> None:
    if description is not None and printable(description) != description:
        raise ValueError('descriptions are up to 400 characters of ASCII without " and \\')


def _refuse_malformed_scope(scope: str) -> None:
    try:
        Scope.parse(scope)
    except InvalidScope as error:
        raise ValueError(error.description) from error


class DialectRefused(ValueError):
    """A dialect file that cannot be used; the text says which field and why."""


class IssuerDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an issuer of this dialect does unless told otherwise."""

    token_format: str = "jwt"  # "jwt" or "opaque"
    token_lifetime: int = 3600  # seconds
    refresh_tokens: bool = False
    refresh_lifetime: int = 1800  # seconds

    def __post_init__(self) -> None:
        if self.token_format not in ("jwt", "opaque"):
            message = 'issuer.token_format must be "jwt" or "opaque"'
            raise ValueError(message)
        for lifetime in (self.token_lifetime, self.refresh_lifetime):
            if not 1 <= lifetime <= MAX_LIFETIME:
                raise ValueError(f"issuer lifetimes are seconds, from 1 to {MAX_LIFETIME}")


class AnswerShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a token answer looks on the wire: member names, type word and headers."""

    access_token: str = "access_token"
    token_type: str = "token_type"
    expires_in: str = "expires_in"
    scope: str = "scope"
    refresh_token: str = "refresh_token"
    refresh_expires_in: str = ""  # the member's name; empty: not sent
    token_type_value: str = "Bearer"
    content_type: str = "application/json"
    pragma: bool = False  # send Pragma: no-cache beside Cache-Control: no-store

    def __post_init__(self) -> None:
        required = (self.access_token, self.token_type, self.expires_in, self.scope)
        sent = [*required, self.refresh_token, *filter(None, [self.refresh_expires_in])]
        if not all(sent) or len(set(sent)) < len(sent):
            raise ValueError("answer members need names that differ")
        if not _LINE.fullmatch(self.content_type) or not _LINE.fullmatch(self.token_type_value):
            raise ValueError("answer.content_type and token_type_value are one line of ASCII each")


class ErrorShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one error code is answered."""

    status: int | None = None  # None: the standard's
    description: str | None = None  # None: ours; a fixed text otherwise; "" leaves it out

    def __post_init__(self) -> None:
        if self.status is not None and not 400 <= self.status <= 499:
            message = "an error's status is 400 to 499"
            raise ValueError(message)
        _refuse_unprintable(self.description)


class GuardShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an API of this vendor refuses."""

    invalid_token: str | None = None  # the fixed error_description, None: ours

    def __post_init__(self) -> None:
        _refuse_unprintable(self.invalid_token)


class ClientHabits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a consumer of this vendor asks."""

    auth: str = "basic"  # "basic" or "body"
    scope: str = ""  # asked for when the user names none

    def __post_init__(self) -> None:
        if self.auth not in ("basic", "body"):
            message = 'client.auth must be "basic" or "body"'
            raise ValueError(message)
        _refuse_malformed_scope(self.scope)


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor's ways. Every field has the standard's value as its default."""

    name: str
    title: str = ""
    token_path: str = "/oauth2/token"
    tolerated_scopes: tuple[str, ...] = ()  # may be asked for, mean nothing, are not granted
    issuer: IssuerDefaults = IssuerDefaults()
    answer: AnswerShape = AnswerShape()
    errors: dict[str, ErrorShape] = {}
    guard: GuardShape = GuardShape()
    client: ClientHabits = ClientHabits()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("name is made of a-z, 0-9 and -, for it becomes part of addresses")
        if not _PATH.fullmatch(self.token_path):
            raise ValueError("token_path starts with / and has no query, fragment or space")
        for scope in self.tolerated_scopes:
            _refuse_malformed_scope(scope)
        for code in self.errors:
            if code not in OAUTH_CODES:
                raise ValueError(f"errors.{code}: known are {', '.join(sorted(OAUTH_CODES))}")


def parse_dialect(text: str, *, origin: str = "dialect") -> Dialect:
    """Read one TOML file's text; raises DialectRefused that names `origin` and the field."""
    try:
        return msgspec.convert(tomllib.loads(text), Dialect)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        message = f"{origin}: {error}"
        raise DialectRefused(message) from error


@cache
def built_in_dialects() -> Mapping[str, Dialect]:
    """Return the dialects that come with the package, by name."""
    folder = resources.files("tokenbooth.protocol") / "dialects"
    found: dict[str, Dialect] = {}
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".toml"):
            dialect = parse_dialect(entry.read_text("utf-8"), origin=entry.name)
            found[dialect.name] = dialect
    return MappingProxyType(found)


def dialect_named(name: str, more: Mapping[str, Dialect] | None = None) -> Dialect:
    """Return the dialect of that name from `more` or the package; raises DialectRefused."""
    known = {**built_in_dialects(), **(more or {})}
    if name not in known:
        message = f"There is no dialect {name!r}; known are: {', '.join(sorted(known))}."
        raise DialectRefused(message)
    return known[name]
