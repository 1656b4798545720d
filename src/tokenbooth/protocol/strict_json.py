"""JSON objects without ambiguity: UTF-8, no repeated members, no NaN (RFC 8725 §3.7)."""

import json
from typing import Any, Never

import msgspec


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "a member is repeated"
        raise ValueError(message)
    return members


def _no_constant(name: str) -> Never:
    message = f"{name} is not JSON"
    raise ValueError(message)


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repetition, parse_constant=_no_constant)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def parse_object(unverified: bytes) -> dict[str, Any]:
    """Return the object's members; raises ValueError for anything but one strict JSON object."""
    try:
        quick = _decode(unverified)
        # Written again it is the same only if nothing is repeated, and nothing in need of a look.
        if type(quick) is dict and _encode(quick) == unverified:
            return quick
    except (ValueError, RecursionError):
        pass  # the careful way says what is wrong, if anything is
    return _parse_carefully(unverified)


def _parse_carefully(unverified: bytes) -> dict[str, Any]:
    try:
        text = unverified.decode("utf-8")
        value = _DECODER.decode(text)
        if "\\u" in text:
            # A lone surrogate can be escaped into JSON but not be encoded as UTF-8 again.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        message = "nested too deeply"
        raise ValueError(message) from error
    if not isinstance(value, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - every refusal here is a ValueError
    return value
