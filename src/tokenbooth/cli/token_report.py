"""What can be said about a token, in words and as JSON; pure, and wary of hostile claims."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from tokenbooth.cli.durations import spoken
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.protocol.access_token import TYP
from tokenbooth.protocol.jwt import UnverifiedJwt

SignatureResult = Literal[
    "good", "bad", "unknown_key", "wrong_issuer", "not_checked", "not_checkable"
]
Status = Literal["valid", "expired", "not_yet_valid", "unknown"]

_LAST_MOMENT = 253_402_300_799  # the end of the year 9999
_LONGEST_SHOWN = 200
_SAID = ("iss", "sub", "client_id", "azp", "aud", "scope", "scp", "iat", "nbf", "exp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A token that only its issuer can read."""

    kind: Literal["opaque", "refresh_token", "encrypted", "unknown"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Whether the signature is good, by whose keys, and that in words."""

    result: SignatureResult
    text: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtReport:
    """What a JWT says of itself; `claims` is all of it."""

    kind: Literal["jwt"] = "jwt"
    typ: str | None
    alg: str
    kid: str | None
    issuer: str | None
    client_id: str | None
    subject: str | None
    audience: tuple[str, ...]
    scope: tuple[str, ...]
    issued_at: float | None
    not_before: float | None
    expires_at: float | None
    expires_in: float | None
    status: Status
    signature: Signature
    refused_because: str
    claims: Mapping[str, Any]


def describe(unverified: str) -> Unreadable | None:
    """Say what a token is that cannot be read; None for a JWT. Raises Failure for a secret."""
    if unverified.startswith("tbs_"):
        raise Failure(
            Outcome.USAGE,
            "This is a client secret, not a token - rotate it, for it has been seen: "
            "tokenbooth credentials rotate ID",
        )
    if unverified.startswith("tbo_"):
        return Unreadable(
            kind="opaque",
            text="An opaque access token of Tokenbooth: only its issuer can read it. Ask with "
            "POST /oauth2/introspect at the issuer, as the client that got it or as one that "
            "was created with --resource-server.",
        )
    if unverified.startswith("tbr_"):
        return Unreadable(
            kind="refresh_token",
            text="A refresh token of Tokenbooth: it gets new access tokens from its issuer, "
            "and is of no use at an API.",
        )
    dots = unverified.count(".")
    if dots == 4:
        return Unreadable(
            kind="encrypted",
            text="An encrypted JWT (five parts): only the API that it is for can read it.",
        )
    if dots != 2:
        return Unreadable(
            kind="unknown",
            text=f"{len(unverified)} characters that are no JWT: an opaque token of another "
            "issuer, or no token. Only its issuer can tell, by introspection.",
        )
    return None


def report_on(
    jwt: UnverifiedJwt, claims: Mapping[str, Any], signature: Signature, *, now: float
) -> JwtReport:
    """Put together what the token says, and whether an API would refuse it."""
    expires_at, not_before = _time(claims, "exp"), _time(claims, "nbf")
    status: Status = "valid"
    if expires_at is None:
        status = "unknown"
    elif now >= expires_at:
        status = "expired"
    elif not_before is not None and now < not_before:
        status = "not_yet_valid"
    return JwtReport(
        typ=jwt.typ,
        alg=jwt.alg,
        kid=jwt.kid,
        issuer=_text(claims, "iss"),
        client_id=_text(claims, "client_id") or _text(claims, "azp"),
        subject=_text(claims, "sub"),
        audience=_texts(claims.get("aud"), split=False),
        scope=_texts(claims.get("scope", claims.get("scp")), split=True),
        issued_at=_time(claims, "iat"),
        not_before=not_before,
        expires_at=expires_at,
        expires_in=None if expires_at is None else round(expires_at - now),
        status=status,
        signature=signature,
        refused_because=_refusal(status, signature),
        claims=claims,
    )


def shown_in_words(report: JwtReport) -> str:
    """Return the report as lines for a person; nothing in it can act on a terminal."""
    now = (report.expires_at or 0) - (report.expires_in or 0)
    who = f"the client {plain(report.client_id)}" if report.client_id else "no client is named"
    if report.subject and report.subject != report.client_id:
        who += f", on behalf of {plain(report.subject)}"
    kind = "access token" if report.typ == TYP else f"not marked as access token: {report.typ}"
    lines = {
        "What": f"JWT ({plain(kind)}), signed with {plain(report.alg)} by key {plain(report.kid)}",
        "Who": who,
        "For": ", ".join(map(plain, report.audience)) or "no API is named",
        "Scopes": " ".join(map(plain, report.scope)) or "none",
        "Issuer": plain(report.issuer),
        "Issued": _moment(report.issued_at),
        "Expires": _expiry(report, now),
        "Signature": plain(report.signature.text),
    }
    others = {name: value for name, value in report.claims.items() if name not in _SAID}
    if others:
        lines["Also"] = ", ".join(f"{plain(name)}={plain(each)}" for name, each in others.items())
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def plain(value: object) -> str:
    """Return any JSON value as short text without control characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        text = json.dumps(text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _refusal(status: Status, signature: Signature) -> str:
    if signature.result in ("bad", "unknown_key"):
        return "its signature is bad"
    if signature.result == "wrong_issuer":
        return "it is not from that issuer"
    return {"expired": "it has expired", "not_yet_valid": "it is not valid yet"}.get(status, "")


def _expiry(report: JwtReport, now: float) -> str:
    if report.expires_at is None or report.expires_in is None:
        return "never: it has no usable exp, so most APIs refuse it"
    when = _moment(report.expires_at)
    if report.status == "expired":
        return f"{when}: expired since {spoken(-report.expires_in)}"
    if report.status == "not_yet_valid" and report.not_before is not None:
        return f"{when}; not valid for another {spoken(report.not_before - now)}"
    return f"{when}: valid for another {spoken(report.expires_in)}"


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return "not said"
    if not 0 <= seconds <= _LAST_MOMENT:
        return f"{seconds:.0f} seconds after 1970"
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
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


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _texts(value: object, *, split: bool) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split() if split else [value])
    if isinstance(value, list):
        return tuple(each for each in value if isinstance(each, str))
    return ()
