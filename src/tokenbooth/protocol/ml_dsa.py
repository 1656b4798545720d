"""ML-DSA keys and signatures, which a quantum computer does not break (RFC 9964, FIPS 204)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import mldsa

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import KeyRefused

ALGORITHMS = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
KEY_TYPE = "AKP"  # a pair whose algorithm is part of the key

MlDsaPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
MlDsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey

_PRIVATE: dict[str, type[MlDsaPrivateKey]] = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}
_PUBLIC: dict[str, type[MlDsaPublicKey]] = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey,
    "ML-DSA-65": mldsa.MLDSA65PublicKey,
    "ML-DSA-87": mldsa.MLDSA87PublicKey,
}
_MAX_LENGTH = 4096  # characters of base64url; the longest public key has 3456


def generate(alg: str) -> MlDsaPrivateKey:
    """Make a key for one of ALGORITHMS."""
    return _PRIVATE[alg].generate()


def algorithm_of(public: MlDsaPublicKey) -> str:
    """Return the one algorithm of the key."""
    return next(alg for alg, kind in _PUBLIC.items() if isinstance(public, kind))


def public_key(jwk: Mapping[str, Any]) -> MlDsaPublicKey:
    """Read a JWK, whose private half must fit; raises KeyRefused."""
    alg = jwk.get("alg")
    if not isinstance(alg, str) or alg not in _PUBLIC:
        raise KeyRefused(f"an {KEY_TYPE} key names one of {', '.join(ALGORITHMS)} as its alg")
    try:
        public = _PUBLIC[alg].from_public_bytes(_member(jwk, "pub"))
    except ValueError as error:
        raise KeyRefused(f"the {KEY_TYPE} key is malformed") from error
    if "priv" in jwk and private_key(jwk).public_key() != public:
        raise KeyRefused("the private part of the key does not belong to its public part")
    return public


def private_key(jwk: Mapping[str, Any]) -> MlDsaPrivateKey:
    """Read the private half of a JWK that `public_key` accepts; raises KeyRefused."""
    try:
        return _PRIVATE[jwk["alg"]].from_seed_bytes(_member(jwk, "priv"))
    except ValueError as error:
        raise KeyRefused("the private part of the key is malformed") from error


def public_jwk(public: MlDsaPublicKey) -> dict[str, str]:
    """Return the members that make up the key, and its thumbprint."""
    pub = base64url.encode(public.public_bytes_raw()).decode("ascii")
    return {"alg": algorithm_of(public), "kty": KEY_TYPE, "pub": pub}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint (RFC 7638 §3)."""
    members = {name: jwk[name] for name in ("alg", "kty", "pub")}
    document = json.dumps(members, separators=(",", ":")).encode("ascii")
    return base64url.encode(hashlib.sha256(document).digest()).decode("ascii")


def _member(jwk: Mapping[str, Any], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or len(text) > _MAX_LENGTH or not text.isascii():
        raise KeyRefused(f"the {KEY_TYPE} key has no usable member {name}")
    return base64url.decode(text.encode("ascii"))
