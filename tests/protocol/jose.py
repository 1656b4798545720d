"""Tokens made by hand, good and bad, for the tests of the protocol and the advisories."""

import json
from collections.abc import Mapping
from functools import cache

from tokenbooth.protocol import base64url
from tokenbooth.protocol.access_token import AccessToken, check_access_token
from tokenbooth.protocol.jwt import read_jwt, sign_jwt, verify_jwt
from tokenbooth.protocol.keys import SigningKey, VerificationKey, generate_key

NOW = 1_800_000_000.0
ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com/persons"
CLAIMS: Mapping[str, object] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "my-app",
    "client_id": "my-app",
    "scope": "persons:read",
    "iat": int(NOW),
    "exp": int(NOW) + 3600,
    "jti": "0001",
}


@cache
def key_for(alg: str) -> SigningKey:
    """One key for each algorithm, for making an RSA key takes long."""
    return generate_key(alg)


def segment(value: object) -> str:
    """base64url of bytes, of a text, or of the JSON of anything else."""
    if not isinstance(value, bytes | str):
        value = json.dumps(value)
    return base64url.encode(value.encode() if isinstance(value, str) else value).decode()


def compact(header: object, payload: object = CLAIMS, *, key: SigningKey | None = None) -> str:
    """Signs whatever header and payload are given, even what the product would never sign."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    signature = (key or key_for("ES256")).sign(signing_input.encode())
    return f"{signing_input}.{segment(signature)}"


def header_of(key: SigningKey, **more: object) -> dict[str, object]:
    return {"alg": key.alg, "typ": "at+jwt", "kid": key.kid, **more}


def good_token(**changed: object) -> str:
    return sign_jwt({**CLAIMS, **changed}, key_for("ES256"), typ="at+jwt")


def accept(
    token: str, key: VerificationKey | None = None, *, now: float = NOW, leeway: float = 0.0
) -> AccessToken:
    """Does what a guard does with a token; raises TokenRefused."""
    unverified = read_jwt(token)
    claims = verify_jwt(unverified, key or key_for("ES256").public)
    return check_access_token(
        claims, typ=unverified.typ, issuer=ISSUER, audience=AUDIENCE, now=now, leeway=leeway
    )
