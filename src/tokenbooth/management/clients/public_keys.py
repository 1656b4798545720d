"""Read the public keys that a client's owner hands over: JWK, JWKS or PEM (RFC 7517)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.errors import BadInput
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS, PRIVATE_KEY_JWT
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import (
    MAX_KEYS_IN_SET,
    VerificationKey,
    has_private_part,
    signing_key,
    verification_key,
    verification_key_of_pem,
)
from tokenbooth.remote.address import AddressRefused, checked_address
from tokenbooth.server.client_keys import KIND, key_data, key_place_data


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenKeys:
    """The public keys, and whether private parts came with them, which were left out."""

    proofs: tuple[NewProof, ...]
    had_private_part: bool


def read_keys(text: str, *, alg: str | None = None) -> GivenKeys:
    """Read a JWK, a JWKS or a PEM key; `alg` chooses where RSA leaves a choice.

    Raises BadInput.
    """
    if alg is not None and alg not in ASSERTION_ALGORITHMS:
        raise BadInput(f"A key is for one of {', '.join(ASSERTION_ALGORITHMS)}.")
    try:
        if text.lstrip().startswith("-----BEGIN"):
            keys, had_private_part = _of_pem(text.encode(), alg)
        else:
            keys, had_private_part = _of_json(text.encode(), alg)
    except KeyRefused as error:
        raise BadInput(f"This key cannot be used: {error}.") from error
    if any(key.alg not in ASSERTION_ALGORITHMS for key in keys):
        raise BadInput(f"A key is for one of {', '.join(ASSERTION_ALGORITHMS)}.")
    proofs = tuple(
        NewProof(method=PRIVATE_KEY_JWT, kind=KIND, data=key_data(key), hint=key.thumbprint)
        for key in keys
    )
    return GivenKeys(proofs=proofs, had_private_part=had_private_part)


def key_place(url: str) -> NewProof:
    """Return the proof of a client that publishes its keys at `url`; raises BadInput."""
    try:
        checked_address(url)
    except AddressRefused as error:
        raise BadInput(str(error)) from error
    host = urlsplit(url).netloc
    return NewProof(method=PRIVATE_KEY_JWT, kind=KIND, data=key_place_data(url), hint=host)


def _of_pem(text: bytes, alg: str | None) -> tuple[list[VerificationKey], bool]:
    if b"PRIVATE KEY-----" in text:
        return [signing_key(text, alg).public], True
    return [verification_key_of_pem(text, alg)], False


def _of_json(text: bytes, alg: str | None) -> tuple[list[VerificationKey], bool]:
    try:
        document = strict_json.parse_object(text)
    except ValueError as error:
        raise BadInput("Give a JWK, a JWKS or a PEM key: this is none of them.") from error
    listed = document.get("keys", [document])
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KEYS_IN_SET:
        raise BadInput(f"A JWKS has a list of 1 to {MAX_KEYS_IN_SET} keys.")
    jwks = [jwk if isinstance(jwk, dict) else {} for jwk in listed]
    # Unlike a published set, this one is looked at now: a key left out would be missed later.
    return [verification_key(jwk, alg=alg) for jwk in jwks], any(map(has_private_part, jwks))
