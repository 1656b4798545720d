"""Checks of the files: who can read them, where they lie, and whether there is room."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tokenbooth.server.bootstrap import master_key_file
from tokenbooth.server.checks.finding import Finding, advice, error, warning
from tokenbooth.server.settings import Settings
from tokenbooth.server.settings_file import read_settings_file
from tokenbooth.server.vault import VaultError

_NETWORK_FILESYSTEMS = {
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs",
    "nfs", "nfs4", "smb3", "smbfs",
}  # fmt: skip
_MOUNTS = Path("/proc/self/mounts")
_LITTLE_BYTES = 500_000_000
_LITTLE_SHARE = 0.05


def check_files(settings: Settings, database: Path | None) -> Iterator[Finding]:
    """Yield what is wrong with the files; `database` is SQLite's file, if that is the engine."""
    for path, about, what in _secret_files(settings):
        yield from _readable(path, about, what)
    for path, what in _trusted_files(settings):
        yield from _writable(path, what)
    try:
        key = master_key_file(settings)
    except VaultError as mistake:
        yield error("master_key_unset", "Nothing says where the master key is.", str(mistake))
    else:
        yield from _readable(key, "master_key_readable", "master key")
        yield from _folder(key.absolute().parent, "master key")
        yield from _apart(key, database)
    if database is not None and database.exists():
        for path in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
            yield from _readable(path, "database_readable", "database")
        yield from _folder(database.absolute().parent, "database")
        yield from _writing(database)
        yield from _place(database)


def _secret_files(settings: Settings) -> Iterator[tuple[Path, str, str]]:
    if settings.tls_key:
        yield Path(settings.tls_key), "tls_key_readable", "private key of TLS"
    kind, _, place = (settings.sso_client_secret or "").partition(":")
    if kind == "file":
        yield Path(place), "sso_secret_readable", "secret for single sign-on"
    kind, _, place = (settings.redis_password or "").partition(":")
    if kind == "file":
        yield Path(place), "redis_password_readable", "password of Redis"
    if not settings.settings_file:
        return
    urls = {"database": settings.database, "redis": settings.redis or ""}
    in_file, _ = read_settings_file(settings.settings_file, list(urls))
    names = {"database": "the database", "redis": "Redis"}
    held = [
        names[setting]
        for setting, url in urls.items()
        if urlsplit(url).password and in_file.get(setting) == url
    ]
    if held:
        yield (
            Path(settings.settings_file),
            "settings_file_readable",
            f"settings file, which holds the password of {' and '.join(held)},",
        )


def _trusted_files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield what decides what the service does, and must not be others' to change."""
    if settings.settings_file:
        yield Path(settings.settings_file), "settings file"
    if settings.tls_client_ca:
        yield Path(settings.tls_client_ca), "file of authorities for client certificates"
    if settings.dialects:
        yield Path(settings.dialects), "folder of dialects"
        for dialect in sorted(Path(settings.dialects).glob("*.toml")):
            yield dialect, "dialect file"


def _readable(path: Path, about: str, what: str) -> Iterator[Finding]:
    try:
        status = path.stat()
    except OSError:
        return  # that it is missing is told by whoever needs it
    mode = status.st_mode
    do = f"chmod {'600' if mode & stat.S_IWUSR else '400'} {path}"
    if mode & stat.S_IRWXO:
        yield error(about, f"Everybody on this machine can read or write the {what} {path}.", do)
    # What is another's and shown to us through a group, as secrets are that a machine hands to a
    # service, cannot be kept closer.
    elif mode & stat.S_IWGRP or (mode & stat.S_IRGRP and status.st_uid == os.geteuid()):
        yield warning(about, f"The group of the {what} {path} can read or write it.", do)


def _writable(path: Path, what: str) -> Iterator[Finding]:
    with contextlib.suppress(OSError):  # that it is missing is told by whoever needs it
        if path.stat().st_mode & stat.S_IWOTH:
            yield error(
                "trusted_file_writable",
                f"Everybody on this machine can change the {what} {path}.",
                f"chmod o-w {path}",
            )


def _folder(folder: Path, what: str) -> Iterator[Finding]:
    with contextlib.suppress(OSError):
        mode = folder.stat().st_mode
        # Where the sticky bit is, as in /tmp, nobody can take away what is another's.
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield error(
                "folder_writable",
                f"Everybody on this machine can replace the {what}: {folder} is open to all.",
                f"chmod o-w {folder}",
            )


def _writing(database: Path) -> Iterator[Finding]:
    # SQLite makes files beside the database while it writes.
    for path in (database, database.absolute().parent):
        if not os.access(path, os.W_OK):
            yield error(
                "database_not_writable",
                f"This user cannot write to {path}.",
                "Run this as the service's user; if it is that one, chown what is the service's.",
            )


def _apart(key: Path, database: Path | None) -> Iterator[Finding]:
    if database is not None and key.absolute().parent == database.absolute().parent:
        yield advice(
            "master_key_beside_database",
            f"The master key lies beside the database, in {database.absolute().parent}: "
            "one copy of that folder has both.",
            "Move it, set TOKENBOOTH_MASTER_KEY_FILE, and keep a copy apart from the backups.",
        )


def _place(database: Path) -> Iterator[Finding]:
    kind = filesystem_of(database.resolve(), _MOUNTS)
    if kind in _NETWORK_FILESYSTEMS:
        yield error(
            "database_on_network",
            f"The database {database} is on {kind}, where SQLite's locks do not hold.",
            "Put it on a local disk, or use PostgreSQL.",
        )
    room = shutil.disk_usage(database.parent)
    if room.free < min(_LITTLE_BYTES, room.total * _LITTLE_SHARE):
        yield warning(
            "disk_nearly_full",
            f"{room.free // 1_000_000} MB are free where the database is.",
            "Make room: with a full disk nothing can be changed, revoked or refreshed.",
        )


def filesystem_of(path: Path, mounts: Path) -> str | None:
    """Return the type of the file system that holds the path, as the kernel's list has it."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    found: tuple[int, str | None] = (-1, None)
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        folder = Path(place.replace("\\040", " "))
        # Of two mounts in one place, the later one is seen.
        if path.is_relative_to(folder) and len(folder.parts) >= found[0]:
            found = (len(folder.parts), kind)
    return found[1]
