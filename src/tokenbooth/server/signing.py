"""Who signs for an issuer: a key in this process, or a device that keeps it to itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tokenbooth.protocol.errors import TemporarilyUnavailable
from tokenbooth.protocol.jwt import signed_jwt, unsigned_jwt
from tokenbooth.protocol.keys import SigningKey, VerificationKey


class SignerUnavailable(TemporarilyUnavailable):
    """The device that keeps the key does not answer, or not in time."""

    def __init__(self, description: str) -> None:
        super().__init__(description, reason="signer_unavailable")


class Signer(Protocol):
    """Signs with one key, for one algorithm."""

    @property
    def public(self) -> VerificationKey:
        """The public key, known without asking any device."""

    async def sign(self, data: bytes) -> bytes:
        """Return the JWS signature over `data`; raises SignerUnavailable.

        Never keeps the event loop waiting for a device.
        """

    async def check(self) -> None:
        """Raise SignerUnavailable unless it can sign now."""


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """Signs in this process, inline: handing it to a thread would take longer than signing."""

    key: SigningKey

    @property
    def public(self) -> VerificationKey:
        """The public half."""
        return self.key.public

    async def sign(self, data: bytes) -> bytes:
        """Return the signature, without a pause."""
        return self.key.sign(data)

    async def check(self) -> None:
        """A key in memory is always there."""


async def sign_jwt(claims: Mapping[str, Any], signer: Signer, *, typ: str) -> str:
    """Sign `claims` as a JWT of that kind ; raises SignerUnavailable."""
    unsigned = unsigned_jwt(claims, signer.public, typ=typ)
    return signed_jwt(unsigned, await signer.sign(unsigned))
