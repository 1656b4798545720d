"""Public keys that people paste into a form; a private one is refused, and never shown again."""

from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.management.errors import BadInput


class PrivateKeyPasted(BadInput):
    """The private half came along, and so it is private no more."""


def pasted_keys(text: str) -> tuple[NewProof, ...]:
    """Return the keys of a JWK, a JWKS or a PEM; raises BadInput, PrivateKeyPasted."""
    given = read_keys(text)
    if given.had_private_part:
        raise PrivateKeyPasted(
            "That is a private key, and this page has seen it now. "
            "Make another pair, and paste the public key alone."
        )
    return given.proofs


def pasted_again(text: str, error: Exception | None) -> str:
    """Return what the form shows again of what was pasted."""
    return "" if isinstance(error, PrivateKeyPasted) else text
