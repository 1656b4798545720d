"""Keeps the service's own keys encrypted at rest under one master key."""

import os
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_MARK_BYTES = 8


class VaultError(Exception):
    """The master key is missing, malformed, or not the one that sealed this database."""


class Vault:
    """Seals and opens small values; a value sealed for one label opens for no other."""

    __slots__ = ("_cipher", "_mark")

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            message = f"the master key must have {KEY_BYTES} bytes"
            raise VaultError(message)
        self._cipher = AESGCM(master_key)
        # Names the master key without telling anything about it.
        self._mark = sha256(b"tokenbooth master key\0" + master_key).digest()[:_MARK_BYTES]

    def seal(self, label: str, value: bytes) -> bytes:
        """Return `value` encrypted and bound to `label`."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._mark + nonce + self._cipher.encrypt(nonce, value, label.encode())

    def unseal(self, label: str, sealed: bytes) -> bytes:
        """Return the value; raises VaultError for another master key, label or a damaged value."""
        mark, rest = sealed[:_MARK_BYTES], sealed[_MARK_BYTES:]
        if mark != self._mark:
            message = (
                "The database was sealed with another master key; "
                "start with the key file that belongs to it (TOKENBOOTH_MASTER_KEY_FILE)."
            )
            raise VaultError(message)
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as error:
            message = "A sealed key in the database is damaged."
            raise VaultError(message) from error


def open_vault(key_file: Path, *, create: bool) -> Vault:
    """Open the vault with the key in `key_file` (64 hexadecimal digits), made if allowed."""
    if create and not key_file.exists():
        try:
            _make_key_file(key_file)
        except OSError as error:
            message = f"Cannot make the master key file {key_file}: {error.strerror}."
            raise VaultError(message) from error
    try:
        text = key_file.read_text("ascii").strip()
        key = bytes.fromhex(text)
    except FileNotFoundError as error:
        message = f"The master key file {key_file} is missing; restore it beside the database."
        raise VaultError(message) from error
    except (OSError, ValueError) as error:
        message = f"The master key file {key_file} cannot be read as 64 hexadecimal digits."
        raise VaultError(message) from error
    return Vault(key)


def _make_key_file(key_file: Path) -> None:
    draft = key_file.with_name(f"{key_file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        # A link appears whole or not at all, and never replaces the key another process made.
        os.link(draft, key_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
