"""What is sealed of a signing key: the private key itself, or where the device is that has it.

Where the device is, is sealed as well: whoever writes to the database must not be able to make
the service load a driver of their choice, or publish a key of theirs.
"""

import msgspec

from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import signing_key, verification_key
from tokenbooth.server.pkcs11 import Pkcs11Signer
from tokenbooth.server.pkcs11_uri import Pkcs11Uri, UriRefused
from tokenbooth.server.signing import Signer, SoftwareSigner


class _InDevice(msgspec.Struct):
    uri: str
    jwk: dict[str, str]


_decode = msgspec.json.Decoder(_InDevice).decode


def to_material(signer: SoftwareSigner | Pkcs11Signer) -> bytes:
    """Return the bytes from which `to_signer` makes the same signer; the caller seals them."""
    if isinstance(signer, SoftwareSigner):
        return signer.key.to_pkcs8()
    return msgspec.json.encode(_InDevice(str(signer.uri), signer.public.to_jwk()))


def to_signer(material: bytes, alg: str) -> Signer:
    """Return the signer; raises KeyRefused. Asks no device."""
    if not material.startswith(b"{"):
        return SoftwareSigner(signing_key(material, alg))
    try:
        known = _decode(material)
        return Pkcs11Signer(verification_key(known.jwk, alg=alg), Pkcs11Uri.parse(known.uri))
    except (msgspec.MsgspecError, UriRefused) as error:
        message = "what is known of the key in the device is damaged"
        raise KeyRefused(message) from error
