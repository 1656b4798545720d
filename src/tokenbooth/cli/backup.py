"""tokenbooth backup and restore: the whole database as one file, made while the service runs."""

import asyncio
import gzip
import os
import sys
import zlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import json_option
from tokenbooth.cli.output import Output
from tokenbooth.server.bootstrap import master_key_file
from tokenbooth.server.records import StoredKey
from tokenbooth.server.settings import DEFAULT_DATABASE, Settings, SettingsRefused
from tokenbooth.server.stores.archive import ArchiveRefused
from tokenbooth.server.stores.contract import StoreError
from tokenbooth.server.vault import VaultError, open_vault

_PARTIAL = ".part"

T = TypeVar("T")

_database = click.option(
    "--database",
    metavar="URL",
    envvar="TOKENBOOTH_DATABASE",
    show_envvar=True,
    help=f"The database.  [default: {DEFAULT_DATABASE}]",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_database
@json_option
def backup(*, file: Path, database: str | None, as_json: bool) -> None:
    """Write the whole database to FILE, as of one moment, while the service goes on.

    The file fits any engine: restore it to SQLite or PostgreSQL. The master key is not in it, and
    without that key nobody can use the signing keys in it: keep the key elsewhere.
    """
    out = Output(as_json=as_json)
    settings = _settings(database)
    if file.exists():
        raise Failure(Outcome.CONFLICT, f"There is a file {file} already; nothing was written.")
    rows = _run(_backup(settings, file, _progress(out)))
    key = _key_file(settings)
    out.talk(f"Keep the master key too, in another place: {key}")
    out.one({"file": str(file), "rows": rows, "bytes": file.stat().st_size, "master_key_file": key})


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_database
@json_option
def restore(*, file: Path, database: str | None, as_json: bool) -> None:
    """Fill a new, empty database from the backup in FILE.

    The master key must be the one of the service that the backup was made of.
    """
    out = Output(as_json=as_json)
    settings = _settings(database)
    rows, key_mistake = _run(_restore(settings, file, _progress(out)))
    if key_mistake is None:
        out.talk("Check it with: tokenbooth audit verify")
    else:
        out.talk(f"Everything is restored, but the service cannot start yet: {key_mistake}")
    out.one({"file": str(file), "rows": rows, "master_key_fits": key_mistake is None})


async def _backup(settings: Settings, file: Path, report: Callable[[int], None]) -> int:
    from tokenbooth.server.stores.sql import open_store

    store = await open_store(settings.database, create=False)
    part = file.with_name(file.name + _PARTIAL)
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done = rows
        report(rows)

    try:
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, filename="") as packed:
                await store.dump(packed.write, report=count)
            raw.flush()
            os.fsync(raw.fileno())
        os.link(part, file)  # unlike a rename, it overwrites nothing
    finally:
        part.unlink(missing_ok=True)
        await store.close()
    return done


async def _restore(
    settings: Settings, file: Path, report: Callable[[int], None]
) -> tuple[int, str | None]:
    from tokenbooth.server.stores.sql import open_store

    store = await open_store(settings.database)
    try:
        rows = await store.load(lambda: _lines(file), report=report)
        return rows, _key_mistake(settings, await store.list_keys())
    finally:
        await store.close()


def _key_mistake(settings: Settings, keys: Iterable[StoredKey]) -> str | None:
    """Return why the master key does not open what was restored, if so."""
    try:
        vault = open_vault(master_key_file(settings), create=False)
        for key in keys:
            if key.purpose == "pepper":
                vault.unseal(key.kid, key.sealed)
    except VaultError as error:
        return str(error)
    return None


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file, "rb") as packed:
            yield from packed
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveRefused("The backup is damaged or cut off: it cannot be unpacked.") from error


def _progress(out: Output) -> Callable[[int], None]:
    if out.as_json or not sys.stderr.isatty():
        return lambda _: None
    return lambda rows: click.echo(f"\r{rows:,} rows", err=True, nl=False)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (StoreError, SettingsRefused, VaultError) as error:
        raise Failure(Outcome.FAILED, str(error)) from error


def _settings(database: str | None) -> Settings:
    try:
        return Settings.load(os.environ, database=database)
    except SettingsRefused as refused:
        raise Failure(Outcome.USAGE, str(refused)) from refused


def _key_file(settings: Settings) -> str | None:
    try:
        return str(master_key_file(settings))
    except VaultError:
        return None
