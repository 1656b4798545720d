"""Single claims of a token, of the right type or refused (RFC 7519 §4)."""

import math
from collections.abc import Mapping
from typing import Any

from tokenbooth.protocol.errors import TokenRefused

_FAR_AWAY = 2**53  # seconds; whole numbers below are floats without loss


def text_claim(claims: Mapping[str, Any], name: str, *, max_length: int | None = None) -> str:
    """Return a claim that must be a text and not empty; raises TokenRefused."""
    value = claims.get(name)
    if type(value) is str and value and max_length is None:
        return value
    if value is None:
        raise TokenRefused("claim_missing", name)
    if not isinstance(value, str) or not value:
        raise TokenRefused("claim_invalid", name)
    if max_length is not None and len(value) > max_length:
        raise TokenRefused("claim_invalid", f"{name} is too long")
    return value


def time_claim(claims: Mapping[str, Any], name: str) -> float:
    """Return a claim that must be a moment in seconds since 1970; raises TokenRefused."""
    value = claims.get(name)
    if type(value) is int and 0 <= value < _FAR_AWAY:
        return float(value)
    if value is None:
        raise TokenRefused("claim_missing", name)
    # bool is an int in Python, and 1e999 is an infinite float in JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused("claim_invalid", name)
    try:
        seconds = float(value)
    except OverflowError as error:
        raise TokenRefused("claim_invalid", name) from error
    if not math.isfinite(seconds):
        raise TokenRefused("claim_invalid", name)
    return seconds
