"""Opaque tokens: claims sealed with AES-256-GCM, which only the service can open.

Every token gets a key of its own, derived from 128 random bits, so that random nonces do not
collide at any rate of issuing (the idea of XAES-256-GCM).
"""

import hmac
import os
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import TokenRefused

ACCESS_PREFIX = "tbo_"
REFRESH_PREFIX = "tbr_"
MAX_SEALED_LENGTH = 16_384

_SECRET_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12
_MARK_BYTES = 6

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


def new_sealing_secret() -> bytes:
    """Return the secret from which a SealingKey works."""
    return os.urandom(_SECRET_BYTES)


class SealingKey:
    """Seals claims into tokens and opens them again."""

    __slots__ = ("_mark", "_secret", "kid")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._mark = sha256(b"tokenbooth sealing key\0" + secret).digest()[:_MARK_BYTES]
        self.kid = f"seal-{self._mark.hex()}"

    def seal(self, prefix: str, claims: dict[str, Any]) -> str:
        """Return the token; `prefix` is bound to it, so no kind passes for another."""
        head = os.urandom(_SALT_BYTES + _NONCE_BYTES)
        sealed = self._cipher(head[:_SALT_BYTES]).encrypt(
            head[_SALT_BYTES:], _encode(claims), prefix.encode()
        )
        return prefix + base64url.encode(self._mark + head + sealed).decode("ascii")

    def open(self, prefix: str, unverified_token: str) -> dict[str, Any]:
        """Return the claims; raises TokenRefused for anything this key did not seal."""
        if len(unverified_token) > MAX_SEALED_LENGTH:
            raise TokenRefused("too_long")
        if not unverified_token.startswith(prefix) or not unverified_token.isascii():
            raise TokenRefused("malformed")
        try:
            raw = base64url.decode(unverified_token[len(prefix) :].encode("ascii"))
        except ValueError as error:
            raise TokenRefused("malformed") from error
        mark, head = raw[:_MARK_BYTES], raw[_MARK_BYTES : _MARK_BYTES + _SALT_BYTES + _NONCE_BYTES]
        sealed = raw[_MARK_BYTES + len(head) :]
        if mark != self._mark or len(head) < _SALT_BYTES + _NONCE_BYTES:
            raise TokenRefused("unknown_key")
        try:
            plain = self._cipher(head[:_SALT_BYTES]).decrypt(
                head[_SALT_BYTES:], sealed, prefix.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise TokenRefused("bad_seal") from error
        return _decode(plain)

    def derive(self, purpose: bytes) -> bytes:
        """Return a key for another purpose, which tells nothing about this one."""
        return hmac.digest(self._secret, b"tokenbooth derived key\0" + purpose, "sha256")

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._secret, b"tokenbooth opaque token\0" + salt, "sha256"))
