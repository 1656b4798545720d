"""JWS signatures straight on `cryptography`: the hot path of service and guard (RFC 7518 §3).

Through a JOSE library one ES256 signature costs twice as much.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from tokenbooth.protocol.ml_dsa import MlDsaPrivateKey, MlDsaPublicKey

PrivateKey = (
    ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | MlDsaPrivateKey
)
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey | MlDsaPublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def signer_for(private: PrivateKey, alg: str) -> Callable[[bytes], bytes]:
    """Return the function that signs with this key and algorithm."""
    if isinstance(private, ed25519.Ed25519PrivateKey | MlDsaPrivateKey):
        return private.sign
    digest = _HASHES[alg[2:]]
    if isinstance(private, rsa.RSAPrivateKey):
        pad = _rsa_padding(alg, digest)
        rsa_sign = private.sign
        return lambda data: rsa_sign(data, pad, digest)
    scheme, size, ec_sign = ec.ECDSA(digest), _coordinate_size(private), private.sign

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(ec_sign(data, scheme))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def verifier_for(public: PublicKey, alg: str) -> Callable[[bytes, bytes], bool]:
    """Return the function that tells whether a signature over data is this key's."""
    if isinstance(public, ed25519.Ed25519PublicKey | MlDsaPublicKey):
        return _answering(lambda data, signature: public.verify(signature, data))
    digest = _HASHES[alg[2:]]
    if isinstance(public, rsa.RSAPublicKey):
        pad = _rsa_padding(alg, digest)
        return _answering(lambda data, signature: public.verify(signature, data, pad, digest))
    scheme, size, ec_verify = ec.ECDSA(digest), _coordinate_size(public), public.verify

    def verify(data: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * size:
            return False
        r = int.from_bytes(signature[:size], "big")
        s = int.from_bytes(signature[size:], "big")
        try:
            ec_verify(encode_dss_signature(r, s), data, scheme)
        except InvalidSignature:
            return False
        return True

    return verify


def _answering(check: Callable[[bytes, bytes], None]) -> Callable[[bytes, bytes], bool]:
    def verify(data: bytes, signature: bytes) -> bool:
        try:
            check(data, signature)
        except InvalidSignature:
            return False
        return True

    return verify


def _rsa_padding(alg: str, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if alg.startswith("PS"):
        # RFC 7518 §3.5: the salt is as long as the hash, and no other length is accepted.
        return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    return padding.PKCS1v15()


def _coordinate_size(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> int:
    return (key.curve.key_size + 7) // 8
