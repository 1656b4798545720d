"""DPoP proofs: a fresh signature shows who holds the key of a token (RFC 9449 §4).

A proof counts for one request. Whether it was seen before, and whether its nonce is a good one,
is for the side that remembers to say.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import KeyRefused, ProtocolError, TokenRefused, printable
from tokenbooth.protocol.http_uri import comparable, without_query
from tokenbooth.protocol.jwt import UnverifiedJwt, VerifiedClaims, read_jwt, verify_jwt
from tokenbooth.protocol.keys import (
    SigningKey,
    VerificationKey,
    has_private_part,
    verification_key,
)

TYP = "dpop+jwt"
TOKEN_TYPE = "DPoP"
PROOF_ALGORITHMS = (
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
)

WINDOW = 60.0  # seconds that the clocks of both sides may differ, in either direction
MAX_PROOF_LENGTH = 8192
MAX_JTI_LENGTH = 256
MAX_NONCE_LENGTH = 512

_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops")


class ProofRefused(ProtocolError):
    """A proof fails a check; the text is for its sender, `reason` for logs."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(printable(text))
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that is good for this request, unless it was seen before."""

    jkt: str  # thumbprint of the key that signed it (RFC 7638)
    jti: str = field(repr=False)
    nonce: str | None = field(repr=False)
    ends_at: float  # from then on it is too old to be shown again

    @property
    def fingerprint(self) -> bytes:
        """What to remember of it: two proofs of one key never share it by chance."""
        return sha256(f"{self.jkt}\0{self.jti}".encode("utf-8", "surrogatepass")).digest()


def check_proof(
    unverified_proofs: Iterable[str],
    *,
    method: str,
    urls: Iterable[str],
    now: float,
    access_token: str | None = None,
    algorithms: Iterable[str] = PROOF_ALGORITHMS,
) -> Proof:
    """Make the checks of RFC 9449 §4.3; raises ProofRefused with the one that failed.

    `unverified_proofs` holds the value of every DPoP header, `urls` each address by which the
    request's target is known. With an `access_token` the proof must be made for it.
    """
    jwt = _read(unverified_proofs, frozenset(algorithms))
    key = _embedded_key(jwt)
    claims = _verified(jwt, key)
    _check_target(claims, method, urls)
    issued_at = _issued_at(claims, now)
    if access_token is not None and claims.get("ath") != token_hash(access_token):
        raise ProofRefused(
            "wrong_token", "The ath of the proof is not the SHA-256 of the access token sent."
        )
    return Proof(
        jkt=key.thumbprint,
        jti=_text(claims, "jti", MAX_JTI_LENGTH),
        nonce=_text(claims, "nonce", MAX_NONCE_LENGTH) if "nonce" in claims else None,
        ends_at=issued_at + WINDOW + 1,
    )


def make_proof(
    key: SigningKey,
    *,
    method: str,
    url: str,
    now: float,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str:
    """Return a new proof for one request; it must never be sent twice."""
    header = {"typ": TYP, "alg": key.alg, "jwk": dict(key.public.jwk)}
    claims: dict[str, Any] = {
        "jti": base64url.encode(os.urandom(16)).decode("ascii"),
        "htm": method,
        "htu": without_query(url),
        "iat": int(now),
    }
    if access_token is not None:
        claims["ath"] = token_hash(access_token)
    if nonce is not None:
        claims["nonce"] = nonce
    segments = [base64url.encode(msgspec.json.encode(part)) for part in (header, claims)]
    signing_input = b".".join(segments)
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")


def token_hash(access_token: str) -> str:
    """Return the "ath" of a token (RFC 9449 §4.1)."""
    digest = sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    return base64url.encode(digest).decode("ascii")


def _read(unverified_proofs: Iterable[str], algorithms: frozenset[str]) -> UnverifiedJwt:
    proofs = tuple(unverified_proofs)
    if not proofs:
        raise ProofRefused("no_proof", "Send a proof in the header DPoP.")
    if len(proofs) > 1:
        raise ProofRefused("several_proofs", "Send the header DPoP once.")
    try:
        jwt = read_jwt(proofs[0].strip(" \t"), max_length=MAX_PROOF_LENGTH)
    except TokenRefused as refused:
        # A list in one header, or two headers put into one by a proxy, ends up here as well.
        raise ProofRefused(refused.reason, "The header DPoP holds no single signed JWT.") from None
    if jwt.typ != TYP:  # RFC 8725 §3.11
        raise ProofRefused("wrong_type", f"The typ of the proof must be {TYP}.")
    if jwt.alg not in algorithms:
        raise ProofRefused(
            "wrong_algorithm", f"Sign the proof with one of {' '.join(sorted(algorithms))}."
        )
    return jwt


def _embedded_key(jwt: UnverifiedJwt) -> VerificationKey:
    # RFC 8725 §3.10: this key speaks for nobody. It proves that its holder is the same as before.
    jwk = jwt.header.members.get("jwk")
    if not isinstance(jwk, dict):
        raise ProofRefused("no_key", "The header of the proof must hold the public key as jwk.")
    if has_private_part(jwk):
        raise ProofRefused(
            "private_key", "The jwk of the proof must be public; make a new key, this one is known."
        )
    public = {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}
    try:
        return _imported_key(msgspec.json.encode(public), jwt.alg)
    except (KeyRefused, TypeError, ValueError) as error:
        raise ProofRefused("bad_key", f"The jwk of the proof cannot be used: {error}.") from error


# A client signs many proofs with one key, and reading it costs more than checking with it.
@lru_cache(maxsize=1024)
def _imported_key(jwk: bytes, alg: str) -> VerificationKey:
    return verification_key(msgspec.json.decode(jwk), alg=alg)


def _verified(jwt: UnverifiedJwt, key: VerificationKey) -> VerifiedClaims:
    try:
        return verify_jwt(jwt, key)
    except TokenRefused as refused:
        raise ProofRefused(
            refused.reason, "The proof is not signed by the key in its header."
        ) from refused


def _check_target(claims: Mapping[str, Any], method: str, urls: Iterable[str]) -> None:
    if claims.get("htm") != method:
        raise ProofRefused(
            "wrong_method", f"The htm of the proof must be {printable(method, limit=40)}."
        )
    htu = _text(claims, "htu", MAX_PROOF_LENGTH)
    if without_query(htu) != htu:
        raise ProofRefused("wrong_url", "The htu of the proof must have no query or fragment.")
    try:
        named = comparable(htu)
    except ValueError as error:
        raise ProofRefused("wrong_url", f"The htu of the proof is no target: {error}.") from error
    try:
        known = [comparable(url) for url in urls]
    except ValueError as error:
        raise ProofRefused("wrong_url", "The URL of the request is malformed.") from error
    if named not in known:
        here = " or ".join(dict.fromkeys(known))
        raise ProofRefused("wrong_url", f"The htu of the proof must be {here}, it is {named}.")


def _issued_at(claims: Mapping[str, Any], now: float) -> float:
    value = claims.get("iat")
    # bool is an int in Python, and 1e999 is an infinite float in JSON.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise ProofRefused("claim_invalid", "The iat of the proof must be the time in seconds.")
    if math.isnan(value) or abs(now - value) > WINDOW:
        raise ProofRefused(
            "wrong_time",
            f"The iat of the proof is more than {WINDOW:.0f} s off; here it is {now:.0f} now.",
        )
    return float(value)


def _text(claims: Mapping[str, Any], name: str, limit: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > limit:
        raise ProofRefused(
            "claim_invalid", f"The {name} of the proof must be a text of 1 to {limit} characters."
        )
    return value
