"""Check a signature against a key that nobody has, so that a refusal takes its usual time."""

import functools
import secrets

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokenbooth.protocol.jwt import UnverifiedJwt
from tokenbooth.protocol.signatures import PublicKey, verifier_for

_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
_RSA_BITS = 2048


def check_against_nothing(unverified: UnverifiedJwt) -> None:
    """Spend the time that checking the signature with a client's key would take."""
    verifier_for(_nobodys_key(unverified.alg), unverified.alg)(
        unverified.signing_input, unverified.signature
    )


@functools.lru_cache(maxsize=16)
def _nobodys_key(alg: str) -> PublicKey:
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg]).public_key()
    if alg in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate().public_key()
    # A random odd number: checking with it takes as long, and making it no time at all.
    modulus = secrets.randbits(_RSA_BITS) | 1 << (_RSA_BITS - 1) | 1
    return rsa.RSAPublicNumbers(65537, modulus).public_key()
