"""Decision in, tokens out: signed JWTs (RFC 9068) or sealed claims. Writes nothing."""

import os
from dataclasses import dataclass
from typing import Any

import msgspec

from tokenbooth.protocol import base64url
from tokenbooth.protocol.access_token import TYP
from tokenbooth.protocol.authorization_details import Details
from tokenbooth.protocol.dpop import TOKEN_TYPE
from tokenbooth.protocol.errors import TemporarilyUnavailable
from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision, RefreshUse
from tokenbooth.server.revocations import earlier_keys
from tokenbooth.server.sealing import ACCESS_PREFIX, REFRESH_PREFIX, SealingKey
from tokenbooth.server.signing import Signer

BEARER = "Bearer"

_ID_BYTES = 16  # 128 random bits: no two tokens ever share an id

_encode_json = msgspec.json.Encoder().encode
_headers: dict[str, bytes] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What the client gets. Lifetimes in seconds."""

    access_token: Secret
    token_type: str
    expires_in: int
    scope: Scope
    token_id: str
    authorization_details: Details = ()
    token_type_uri: str | None = None  # "issued_token_type" (RFC 8693 §2.2.1)
    refresh_token: Secret | None = None
    refresh_expires_in: int | None = None


async def issue(decision: Decision, issuer: IssuerView, now: float) -> Issued:
    """Make the tokens; raises TemporarilyUnavailable when no key can be used now."""
    token_id = new_id()
    claims = claims_of(decision, issuer.url, token_id=token_id, issued_at=int(now))
    confirmation = decision.confirmation
    refresh_token = None
    if decision.refresh_lifetime is not None:
        claims["sid"] = decision.spends.family if decision.spends else new_id()
        refresh_token = _refresh_token(decision, claims, issuer)
    if decision.token_format == "jwt":
        access_token = await _signed(claims, _signer(issuer))
    else:
        access_token = _sealing_key(issuer).seal(ACCESS_PREFIX, claims)
    return Issued(
        access_token=Secret(access_token),
        token_type=TOKEN_TYPE if confirmation is not None and confirmation.jkt else BEARER,
        expires_in=decision.lifetime,
        scope=decision.scope,
        token_id=token_id,
        authorization_details=decision.authorization_details,
        token_type_uri=decision.issued_token_type,
        refresh_token=refresh_token,
        refresh_expires_in=decision.refresh_lifetime,
    )


def claims_of(
    decision: Decision, issuer_url: str, *, token_id: str, issued_at: int
) -> dict[str, Any]:
    """Return what the token says; everything but the mark of its family of refreshed tokens."""
    claims: dict[str, Any] = {
        "iss": issuer_url,
        "sub": decision.subject or decision.client_id,
        "client_id": decision.client_id,
        "aud": decision.audience[0] if len(decision.audience) == 1 else decision.audience,
        "iat": issued_at,
        "exp": issued_at + decision.lifetime,
        "jti": token_id,
        "credential_id": decision.credential_id,
    }
    if decision.extra_claims:
        claims = {**decision.extra_claims, **claims}
    if decision.actor is not None:
        claims["act"] = decision.actor
    if decision.authorization_details:
        claims["authorization_details"] = decision.authorization_details
    if decision.rests_on:
        claims["rests_on"] = earlier_keys(decision.rests_on)
    if decision.scope:  # RFC 6749 §3.3: an empty scope has no wire form
        claims["scope"] = str(decision.scope)
    if decision.confirmation is not None:
        claims["cnf"] = decision.confirmation.to_claim()
    return claims


def new_id() -> str:
    """Return an identifier that cannot be guessed and never comes twice."""
    return base64url.encode(os.urandom(_ID_BYTES)).decode("ascii")


def _refresh_token(decision: Decision, claims: dict[str, Any], issuer: IssuerView) -> Secret:
    # RFC 6749 §6: a new refresh token has the scope of the old one, not of a narrowed request.
    first: Decision | RefreshUse = decision.spends or decision
    # A lost answer is repeated with the same generation, so both copies spend the same claim.
    sealed = {
        "iss": claims["iss"],
        "client_id": decision.client_id,
        "aud": first.audience,
        "scope": str(first.scope),
        "iat": claims["iat"],
        "exp": claims["iat"] + decision.refresh_lifetime,
        "jti": new_id(),
        "sid": claims["sid"],
        "gen": decision.spends.generation + 1 if decision.spends else 0,
        "credential_id": decision.credential_id,
    }
    details = decision.spends.details if decision.spends else decision.authorization_details
    if details:
        sealed["authorization_details"] = details
    if decision.confirmation is not None and decision.confirmation.jkt is not None:
        sealed["dpop"] = True
    return Secret(_sealing_key(issuer).seal(REFRESH_PREFIX, sealed))


async def _signed(claims: dict[str, Any], signer: Signer) -> str:
    public = signer.public
    header = _headers.get(public.kid) or _header(public)
    unsigned = header + base64url.encode(_encode_json(claims))
    signature = base64url.encode(await signer.sign(unsigned))
    return (unsigned + b"." + signature).decode("ascii")


def _header(public: VerificationKey) -> bytes:
    members = _encode_json({"alg": public.alg, "typ": TYP, "kid": public.kid})
    header = _headers[public.kid] = base64url.encode(members) + b"."
    return header


def _signer(issuer: IssuerView) -> Signer:
    if issuer.keys.signing is None:
        raise _no_key()
    return issuer.keys.signing


def _sealing_key(issuer: IssuerView) -> SealingKey:
    if issuer.keys.sealing is None:
        raise _no_key()
    return issuer.keys.sealing


def _no_key() -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        "The issuer has no key in use; the operator must make one.", reason="no_key"
    )
