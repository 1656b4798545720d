"""What all managing commands share: the database, the form of the output, and their failures."""

import asyncio
import functools
import getpass
import os
from collections.abc import Awaitable, Callable

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import json_option
from tokenbooth.cli.output import Output
from tokenbooth.management.errors import (
    Ambiguous,
    Conflict,
    Failed,
    ManagementError,
    Missing,
    NotAllowed,
)
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import DEFAULT_DATABASE, Settings, SettingsRefused
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale, StillInUse, StoreError
from tokenbooth.server.vault import VaultError

issuer_option = click.option(
    "--issuer", metavar="NAME", help="Which issuer's; only needed where several have that ID."
)


def managing(work: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of `work`: open the booth that --database names, and close it afterwards."""

    @click.option(
        "--database",
        metavar="URL",
        envvar="TOKENBOOTH_DATABASE",
        show_envvar=True,
        help=f"The database to work on.  [default: {DEFAULT_DATABASE}]",
    )
    @json_option
    @functools.wraps(work)
    def command(*, database: str | None, as_json: bool, **given: object) -> None:
        async def in_booth() -> None:
            opened = await open_booth(Settings.load(os.environ, database=database))
            booth = opened.acting_as(Actor(kind="command_line", name=_user()))
            try:
                await work(booth, Output(as_json=as_json), **given)
            finally:
                await booth.close()

        try:
            asyncio.run(in_booth())
        except (ManagementError, StoreError, VaultError, SettingsRefused) as error:
            raise _failure(error) from error

    return command


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


def _failure(error: Exception) -> Failure:
    match error:
        case Missing() | NotFound():
            return Failure(Outcome.NOT_FOUND, str(error))
        case Conflict() | AlreadyExists() | StillInUse() | Stale():
            return Failure(Outcome.CONFLICT, str(error))
        case Ambiguous():
            return Failure(Outcome.USAGE, f"{error} Add --issuer {error.issuers[0]}.")
        case NotAllowed():
            return Failure(Outcome.NOT_ALLOWED, str(error))
        case Failed():
            return Failure(Outcome.FAILED, str(error))
        case ManagementError() | SettingsRefused():
            return Failure(Outcome.USAGE, str(error))
        case _:
            return Failure(Outcome.FAILED, str(error))
