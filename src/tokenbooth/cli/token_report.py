"""What can be said about a token, in words and as JSON; pure, and wary of hostile claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.management.token_words import (
    binding_words,
    plain,
    spoken,
    text_claim,
    texts_claim,
    time_claim,
    who_words,
)
from tokenbooth.protocol.access_token import TYP
from tokenbooth.protocol.jwt import UnverifiedJwt

SignatureResult = Literal[
    "good", "bad", "unknown_key", "wrong_issuer", "not_checked", "not_checkable"
]
Status = Literal["valid", "expired", "not_yet_valid", "unknown"]

_LAST_MOMENT = 253_402_300_799  # the end of the year 9999
_SAID = ("iss", "sub", "client_id", "azp", "aud", "scope", "scp", "iat", "nbf", "exp", "cnf")


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
    expires_at, not_before = time_claim(claims, "exp"), time_claim(claims, "nbf")
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
        issuer=text_claim(claims, "iss"),
        client_id=text_claim(claims, "client_id") or text_claim(claims, "azp"),
        subject=text_claim(claims, "sub"),
        audience=texts_claim(claims.get("aud"), split=False),
        scope=texts_claim(claims.get("scope", claims.get("scp")), split=True),
        issued_at=time_claim(claims, "iat"),
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
    kind = "access token" if report.typ == TYP else f"not marked as access token: {report.typ}"
    lines = {
        "What": f"JWT ({plain(kind)}), signed with {plain(report.alg)} by key {plain(report.kid)}",
        "Who": who_words(report.claims),
        "For": ", ".join(map(plain, report.audience)) or "no API is named",
        "Scopes": " ".join(map(plain, report.scope)) or "none",
        "Bound to": binding_words(report.claims),
        "Issuer": plain(report.issuer),
        "Issued": _moment(report.issued_at),
        "Expires": _expiry(report, now),
        "Signature": plain(report.signature.text),
    }
    others = {name: value for name, value in report.claims.items() if name not in _SAID}
    if others:
        lines["Also"] = ", ".join(f"{plain(name)}={plain(each)}" for name, each in others.items())
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


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
