"""How one vendor's token endpoint differs from the standard: data in TOML, used by both ends."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec

STANDARD = "standard"


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
        if self.token_lifetime < 1 or self.refresh_lifetime < 1:
            message = "issuer lifetimes are seconds, at least 1"
            raise ValueError(message)


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


class ErrorShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one error code is answered."""

    status: int | None = None  # None: the standard's
    description: str | None = None  # None: ours; a fixed text otherwise; "" leaves it out

    def __post_init__(self) -> None:
        if self.status is not None and not 400 <= self.status <= 499:
            message = "an error's status is 400 to 499"
            raise ValueError(message)


class GuardShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an API of this vendor refuses."""

    invalid_token: str | None = None  # the fixed error_description, None: ours


class ClientHabits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a consumer of this vendor asks."""

    auth: str = "basic"  # "basic" or "body"
    scope: str = ""  # asked for when the user names none

    def __post_init__(self) -> None:
        if self.auth not in ("basic", "body"):
            message = 'client.auth must be "basic" or "body"'
            raise ValueError(message)


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
        if not self.token_path.startswith("/") or "?" in self.token_path:
            message = "token_path starts with / and has no query"
            raise ValueError(message)


def parse_dialect(text: str, *, origin: str = "dialect") -> Dialect:
    """Read one TOML file's text; raises DialectRefused that names `origin` and the field."""
    try:
        return msgspec.convert(tomllib.loads(text), Dialect)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
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
