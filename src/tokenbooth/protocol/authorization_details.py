"""Rich authorization requests: what exactly a token is for, beyond scopes (RFC 9396)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tokenbooth.protocol import strict_json
from tokenbooth.protocol.bounded_json import check_value
from tokenbooth.protocol.errors import InvalidAuthorizationDetails, ProtocolError, printable

MAX_DETAILS = 16
MAX_LENGTH = 4096  # bytes of one request's details: every call carries them
MAX_DEPTH = 8
MAX_NAME = 200

Details = tuple[Mapping[str, Any], ...]

_LISTS = ("locations", "actions", "datatypes", "privileges")  # RFC 9396 §2.2
_encode = msgspec.json.Encoder(order="deterministic").encode


class DetailTypesRefused(ProtocolError):
    """Types that cannot be registered; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailType:
    """A type that an API understands, and what its details may say. Nothing else is let through."""

    type: str
    actions: tuple[str, ...] = ()
    datatypes: tuple[str, ...] = ()
    privileges: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()  # none: the API's audience
    fields: tuple[str, ...] = ()  # further members, of any JSON value


def read_details(text: str) -> Details:
    """Read the parameter; raises InvalidAuthorizationDetails."""
    if len(text) > MAX_LENGTH or len(text.encode()) > MAX_LENGTH:
        raise InvalidAuthorizationDetails(
            f"The authorization_details are longer than {MAX_LENGTH} bytes."
        )
    try:
        # Inside an object, where the strict reader looks for repeated members and lone surrogates.
        (listed,) = strict_json.parse_object(b'{"details":' + text.encode() + b"}").values()
        check_value(listed, MAX_DEPTH)
    except ValueError as error:
        raise InvalidAuthorizationDetails("The authorization_details are not JSON.") from error
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_DETAILS:
        raise InvalidAuthorizationDetails(
            f"The authorization_details are an array of 1 to {MAX_DETAILS} objects."
        )
    for detail in listed:
        if not isinstance(detail, dict) or not _is_name(detail.get("type")):
            raise InvalidAuthorizationDetails("Each of the authorization_details has a type.")
        _check_common_members(detail)
    return tuple(listed)


def check_detail(detail: Mapping[str, Any], kind: DetailType, *, audience: str) -> None:
    """Refuse what the type does not allow; raises InvalidAuthorizationDetails (RFC 9396 §5)."""
    for name, value in detail.items():
        if name == "type" or name in kind.fields:
            continue
        if name not in _LISTS:
            raise _not_allowed(kind, f"have the member {name}")
        allowed = getattr(kind, name)
        if name == "locations" and not allowed:
            allowed = (audience,)
        for each in value:
            if each not in allowed:
                raise _not_allowed(kind, f"have {each} among their {name}")


def is_within(details: Iterable[Mapping[str, Any]], granted: Iterable[Mapping[str, Any]]) -> bool:
    """Whether every detail is one of those that were granted, letter by letter."""
    known = {_encode(each) for each in granted}
    return all(_encode(each) in known for each in details)


def read_types(document: bytes) -> tuple[DetailType, ...]:
    """Read types that an operator registers: a JSON array of them; raises DetailTypesRefused."""
    try:
        types = msgspec.json.decode(document, type=tuple[DetailType, ...])
    except msgspec.MsgspecError as error:
        raise DetailTypesRefused(
            f'Give a JSON array like [{{"type": "payment", "actions": ["read"]}}]: '
            f"{printable(str(error), 200)}."
        ) from error
    check_types(types)
    return types


def check_types(types: Iterable[DetailType]) -> None:
    """Refuse types that no request could name; raises DetailTypesRefused."""
    seen: set[str] = set()
    for kind in types:
        if not _is_name(kind.type):
            raise DetailTypesRefused(f"A type is 1 to {MAX_NAME} printable characters.")
        if kind.type in seen:
            raise DetailTypesRefused(f"The type {kind.type} is there twice.")
        seen.add(kind.type)
        members = (*kind.actions, *kind.datatypes, *kind.privileges, *kind.locations, *kind.fields)
        if not all(_is_name(each) for each in members):
            raise DetailTypesRefused(f"What a type allows is 1 to {MAX_NAME} characters a name.")
        for reserved in ("type", *_LISTS):
            if reserved in kind.fields:
                raise DetailTypesRefused(f"The member {reserved} is no field of its own.")


def _check_common_members(detail: Mapping[str, Any]) -> None:
    for name in _LISTS:
        value = detail.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InvalidAuthorizationDetails(f"The member {name} is an array of texts.")
    if not isinstance(detail.get("identifier", ""), str):
        raise InvalidAuthorizationDetails("The member identifier is a text.")


def _not_allowed(kind: DetailType, what: str) -> InvalidAuthorizationDetails:
    return InvalidAuthorizationDetails(f"Details of the type {kind.type} may not {what}.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME and value.isprintable()
