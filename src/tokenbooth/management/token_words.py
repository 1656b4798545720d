"""What a token says, in words: who it is for, what it may do, and until when.

Pure, and wary of hostile claims: whatever is in them, a word is short and in one line.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenbooth.protocol.confirmation import JKT, X5T

_LAST_MOMENT = 253_402_300_799  # the end of the year 9999
_LONGEST_SHOWN = 200
_SAID = frozenset(
    {
        *("iss", "sub", "client_id", "azp", "aud", "scope", "scp", "iat", "nbf", "exp", "cnf"),
        *("act", "jti", "sid", "credential_id", "active", "token_type"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name out of a token, and what is known about it; empty where nothing is."""

    name: str
    description: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.description})" if self.description else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWords:
    """A token in words; each field is ready to be shown."""

    who: str
    audiences: tuple[Named, ...]  # the APIs that it is for
    scopes: tuple[Named, ...]  # what it may do there
    until: str
    binding: str
    issuer: str
    key: str  # what signed or sealed it
    others: tuple[Named, ...]  # further claims, as name and value


def words_of(
    claims: Mapping[str, Any],
    *,
    now: float,
    key: str,
    known: Mapping[str, str] | None = None,
    binding: str | None = None,
) -> TokenWords:
    """Return the claims in words; `known` describes audiences and scopes by their names.

    `binding` is given for a token that does not exist yet, and so names no key.
    """
    descriptions = known or {}
    others = sorted(name for name in claims if name not in _SAID)
    return TokenWords(
        who=who_words(claims),
        audiences=_named(texts_claim(claims.get("aud"), split=False), descriptions),
        scopes=_named(
            texts_claim(claims.get("scope", claims.get("scp")), split=True), descriptions
        ),
        until=until_words(time_claim(claims, "exp"), now=now),
        binding=binding_words(claims) if binding is None else binding,
        issuer=plain(text_claim(claims, "iss")),
        key=key,
        others=tuple(Named(name=plain(each), description=plain(claims[each])) for each in others),
    )


def who_words(claims: Mapping[str, Any]) -> str:
    """Say which client has the token, and on whose behalf."""
    client = text_claim(claims, "client_id") or text_claim(claims, "azp")
    subject = text_claim(claims, "sub")
    who = f"the client {plain(client)}" if client else "no client is named"
    if subject and subject != client:
        who += f", on behalf of {plain(subject)}"
    return who


def until_words(expires_at: float | None, *, now: float) -> str:
    """Say how long the token is good, and until when."""
    if expires_at is None:
        return "never: it has no usable exp, so most APIs refuse it"
    moment = moment_words(expires_at, now=now)
    if now >= expires_at:
        return f"expired {spoken(now - expires_at)} ago, at {moment}"
    return f"for {spoken(expires_at - now)}, until {moment}"


def moment_words(seconds: float, *, now: float) -> str:
    """Return a time of today as 14:05 UTC, and any other with its date."""
    if not 0 <= seconds <= _LAST_MOMENT:
        return f"{seconds:.0f} seconds after 1970"
    then = datetime.fromtimestamp(int(seconds), UTC)
    is_today = (
        0 <= now <= _LAST_MOMENT and datetime.fromtimestamp(int(now), UTC).date() == then.date()
    )
    return then.strftime("%H:%M UTC" if is_today else "%Y-%m-%d %H:%M UTC")


def binding_words(claims: Mapping[str, Any]) -> str:
    """Say what must come along with the token (RFC 9449 §6, RFC 8705 §3)."""
    if "cnf" not in claims:
        return "nothing: whoever has the token can use it"
    methods = claims["cnf"]
    bound = []
    if isinstance(methods, Mapping):
        if isinstance(methods.get(JKT), str):
            bound.append(f"a key of the client (DPoP), {plain(methods[JKT])}")
        if isinstance(methods.get(X5T), str):
            bound.append(f"a TLS certificate of the client, {plain(methods[X5T])}")
    return " and ".join(bound) or "something unknown, so that no API can take it"


def spoken(seconds: float) -> str:
    """Return a span in the two largest units that matter: 59 minutes, 2 days 3 hours."""
    left = int(seconds)
    words = []
    for name, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
        elif words:
            break
    return " ".join(words[:2]) or "0 seconds"


def plain(value: object) -> str:
    """Return any JSON value as short text without control characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        text = json.dumps(text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def time_claim(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time; None for what is none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    if not math.isfinite(seconds):
        return None
    return int(seconds) if seconds.is_integer() else seconds


def text_claim(claims: Mapping[str, Any], name: str) -> str | None:
    """Return a text; None for what is none, or empty."""
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def texts_claim(value: object, *, split: bool) -> tuple[str, ...]:
    """Return one or several texts, be it as text or as list."""
    if isinstance(value, str):
        return tuple(value.split() if split else [value])
    if isinstance(value, list | tuple):
        return tuple(each for each in value if isinstance(each, str))
    return ()


def _named(names: Sequence[str], descriptions: Mapping[str, str]) -> tuple[Named, ...]:
    return tuple(Named(name=plain(each), description=descriptions.get(each, "")) for each in names)
