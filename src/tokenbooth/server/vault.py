"""Keeps the service's own keys encrypted at rest under one master key."""

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
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
    """Seals and opens small values; a value sealed for one label opens for no other.

    The first master key seals, all of them open. When a value is met that none of them opens,
    `reread` is asked whether there are new ones by now.
    """

    __slots__ = ("_ciphers", "_mark", "_reread")

    def __init__(
        self, *master_keys: bytes, reread: Callable[[], Sequence[bytes]] | None = None
    ) -> None:
        self._ciphers: dict[bytes, AESGCM] = {}
        self._reread = reread
        self._mark = self._take(master_keys)

    def seal(self, label: str, value: bytes) -> bytes:
        """Return `value` encrypted and bound to `label`."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._mark]
        return self._mark + nonce + cipher.encrypt(nonce, value, label.encode())

    def seals_like(self, sealed: bytes) -> bool:
        """Whether `sealed` is under the very master key that `seal` uses."""
        if sealed[:_MARK_BYTES] != self._mark:
            self._look_again()
        return sealed[:_MARK_BYTES] == self._mark

    def unseal(self, label: str, sealed: bytes) -> bytes:
        """Return the value; raises VaultError for another master key, label or a damaged value."""
        mark, rest = sealed[:_MARK_BYTES], sealed[_MARK_BYTES:]
        if mark not in self._ciphers:
            self._look_again()
        cipher = self._ciphers.get(mark)
        if cipher is None:
            message = (
                "The database was sealed with another master key; "
                "start with the key file that belongs to it (TOKENBOOTH_MASTER_KEY_FILE)."
            )
            raise VaultError(message)
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as error:
            message = "A sealed key in the database is damaged."
            raise VaultError(message) from error

    def _look_again(self) -> None:
        """Take over the master keys that are there now; the known ones go on opening."""
        if self._reread is not None:
            with contextlib.suppress(VaultError):
                self._mark = self._take(self._reread())

    def _take(self, master_keys: Sequence[bytes]) -> bytes:
        if not master_keys or any(len(key) != KEY_BYTES for key in master_keys):
            message = f"the master key must have {KEY_BYTES} bytes"
            raise VaultError(message)
        # Names a master key without telling anything about it.
        marks = [
            sha256(b"tokenbooth master key\0" + key).digest()[:_MARK_BYTES] for key in master_keys
        ]
        self._ciphers.update(zip(marks, map(AESGCM, master_keys), strict=True))
        return marks[0]


def open_vault(key_file: Path, *, create: bool) -> Vault:
    """Open the vault with the keys in `key_file`, which is made if allowed."""
    if create:
        make_master_key(key_file)
    return Vault(*read_master_keys(key_file), reread=lambda: read_master_keys(key_file))


def read_master_keys(key_file: Path) -> tuple[bytes, ...]:
    """Read the keys, each a line of 64 hexadecimal digits, the one that seals first."""
    try:
        lines = key_file.read_text("ascii").split()
        keys = tuple(bytes.fromhex(line) for line in lines)
    except FileNotFoundError as error:
        message = f"The master key file {key_file} is missing; restore it beside the database."
        raise VaultError(message) from error
    except (OSError, ValueError) as error:
        message = f"The master key file {key_file} cannot be read as 64 hexadecimal digits."
        raise VaultError(message) from error
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        message = f"The master key file {key_file} cannot be read as 64 hexadecimal digits."
        raise VaultError(message)
    return keys


def make_master_key(key_file: Path) -> None:
    """Make the file with a new key unless it is there; raises VaultError."""
    if key_file.exists():
        return
    try:
        _make_key_file(key_file)
    except OSError as error:
        message = f"Cannot make the master key file {key_file}: {error.strerror}."
        raise VaultError(message) from error


def replace_master_keys(key_file: Path, master_keys: Sequence[bytes]) -> None:
    """Replace the file's keys, all at once and for good; raises OSError."""
    before = key_file.stat()
    draft = _draft(key_file, master_keys)
    try:
        # An administrator's command must not take the file away from the service's own user.
        os.chown(draft, before.st_uid, before.st_gid)
        draft.replace(key_file)
    except OSError:
        draft.unlink()
        raise
    _settle_folder(key_file)


def _draft(key_file: Path, master_keys: Sequence[bytes]) -> Path:
    draft = key_file.with_name(f"{key_file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, b"".join(key.hex().encode() + b"\n" for key in master_keys))
        os.fsync(handle)
    finally:
        os.close(handle)
    return draft


def _settle_folder(key_file: Path) -> None:
    """Write the folder to disk: without it, a new name may be lost with the power."""
    handle = os.open(key_file.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_key_file(key_file: Path) -> None:
    draft = _draft(key_file, [secrets.token_bytes(KEY_BYTES)])
    try:
        # A link appears whole or not at all, and never replaces the key another process made.
        os.link(draft, key_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _settle_folder(key_file)
