"""JSON Web Tokens in the compact form, and no other (RFC 7515, RFC 7519, RFC 8725)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NewType

import msgspec

from tokenbooth.protocol import base64url, strict_json
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.keys import SigningKey, VerificationKey

VerifiedClaims = NewType("VerifiedClaims", dict[str, Any])

MAX_TOKEN_LENGTH = 16_384
MAX_KID_LENGTH = 256

# Headers repeat: one issuer uses one header per key for months. Strangers can fill this
# cache, so it keeps few and short headers only, and is simply started anew.
_HEADER_CACHE_SIZE = 512
_CACHED_HEADER_LENGTH = 1024
_headers: dict[bytes, "JwtHeader"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtHeader:
    """The JOSE header. Embedded keys and key addresses in `members` are never followed."""

    alg: str
    kid: str | None
    typ: str | None  # lower case, without "application/" (RFC 7515 §4.1.9)
    members: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedJwt:
    """A well-formed JWT of which nothing has been checked."""

    header: JwtHeader
    signing_input: bytes = field(repr=False)
    payload_segment: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str:
        """The algorithm the token claims."""
        return self.header.alg

    @property
    def kid(self) -> str | None:
        """The key the token claims."""
        return self.header.kid

    @property
    def typ(self) -> str | None:
        """The kind the token claims, lower case and without "application/"."""
        return self.header.typ


def sign_jwt(claims: Mapping[str, Any], key: SigningKey, *, typ: str) -> str:
    """Sign `claims` as a JWT of that kind."""
    unsigned = unsigned_jwt(claims, key.public, typ=typ)
    return signed_jwt(unsigned, key.sign(unsigned))


def unsigned_jwt(claims: Mapping[str, Any], key: VerificationKey, *, typ: str) -> bytes:
    """Return what has to be signed with the private half of `key` (RFC 7515 §5.1)."""
    header = msgspec.json.encode({"alg": key.alg, "typ": typ, "kid": key.kid})
    return base64url.encode(header) + b"." + base64url.encode(msgspec.json.encode(claims))


def signed_jwt(unsigned: bytes, signature: bytes) -> str:
    """Put a JWT in the compact form together."""
    return (unsigned + b"." + base64url.encode(signature)).decode("ascii")


def read_jwt(unverified_token: str, *, max_length: int = MAX_TOKEN_LENGTH) -> UnverifiedJwt:
    """Take a compact JWT apart; raises TokenRefused unless it is well-formed."""
    # Size first: nothing is split or decoded before it is known to be small.
    if len(unverified_token) > max_length:
        raise TokenRefused("too_long")
    if not unverified_token.isascii():
        raise TokenRefused("malformed", "not ASCII")
    segments = unverified_token.encode("ascii").split(b".", 5)
    if len(segments) != 3:  # RFC 7515 §7.1: header, payload, signature
        raise TokenRefused("malformed", "not three segments")
    header, payload, signature = segments
    try:
        decoded_signature = base64url.decode(signature)
    except ValueError as error:
        raise TokenRefused("malformed", "signature") from error
    if not decoded_signature:
        raise TokenRefused("unsigned")
    return UnverifiedJwt(
        header=_headers.get(header) or _read_header(header),
        signing_input=header + b"." + payload,
        payload_segment=payload,
        signature=decoded_signature,
    )


def verify_jwt(unverified: UnverifiedJwt, key: VerificationKey) -> VerifiedClaims:
    """Return the claims if `key` signed them with its own algorithm; raises TokenRefused."""
    if not key.is_for(unverified.header.alg):  # RFC 8725 §3.1
        raise TokenRefused("wrong_algorithm")
    if not key.verify(unverified.signing_input, unverified.signature):
        raise TokenRefused("bad_signature")
    return VerifiedClaims(unverified_claims(unverified))


def unverified_claims(unverified: UnverifiedJwt) -> dict[str, Any]:
    """Return the claims as they stand: for showing and routing, never for deciding."""
    try:
        return strict_json.parse_object(base64url.decode(unverified.payload_segment))
    except ValueError as error:
        raise TokenRefused("malformed", "payload") from error


def _read_header(segment: bytes) -> JwtHeader:
    try:
        members = strict_json.parse_object(base64url.decode(segment))
    except ValueError as error:
        raise TokenRefused("malformed", "header") from error
    alg, kid, typ = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(alg, str):
        raise TokenRefused("malformed", "alg")
    if not isinstance(kid, str | None) or (kid is not None and len(kid) > MAX_KID_LENGTH):
        raise TokenRefused("malformed", "kid")
    if not isinstance(typ, str | None):
        raise TokenRefused("malformed", "typ")
    # RFC 7515 §4.1.11: no extension is understood here, so every "crit" is one too many.
    if "crit" in members or members.get("b64", True) is not True or "zip" in members:
        raise TokenRefused("unknown_extension")
    header = JwtHeader(
        alg=alg,
        kid=kid,
        typ=_media_subtype(typ) if typ is not None else None,
        members=MappingProxyType(members),  # shared by all who meet this header again
    )
    if len(segment) <= _CACHED_HEADER_LENGTH:
        if len(_headers) >= _HEADER_CACHE_SIZE:
            _headers.clear()
        _headers[segment] = header
    return header


def _media_subtype(typ: str) -> str:
    return typ.lower().removeprefix("application/")
