"""tokenbooth migrate: bring the database's tables up to date, apart from the start of a service."""

import asyncio
import os

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import json_option
from tokenbooth.cli.output import Output
from tokenbooth.server.settings import DEFAULT_DATABASE, Settings, SettingsRefused
from tokenbooth.server.stores.contract import StoreError


@click.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; exit code 1 if there is work."
)
@click.option(
    "--database",
    metavar="URL",
    envvar="TOKENBOOTH_DATABASE",
    show_envvar=True,
    help=f"The database.  [default: {DEFAULT_DATABASE}]",
)
@json_option
def migrate(*, only_check: bool, database: str | None, as_json: bool) -> None:
    """Bring the database's tables up to date, all at once or not at all.

    The service does so itself when it starts, unless TOKENBOOTH_MIGRATE is off. A database that
    does not exist yet is made.
    """
    out = Output(as_json=as_json)
    try:
        url = Settings.load(os.environ, database=database).database
        asyncio.run(_check(url, out) if only_check else _migrate(url, out))
    except SettingsRefused as refused:
        raise Failure(Outcome.USAGE, str(refused)) from refused
    except StoreError as error:
        raise Failure(Outcome.FAILED, str(error)) from error


async def _check(url: str, out: Output) -> None:
    from tokenbooth.server.stores.schema_state import schema_state

    state = await schema_state(url)
    out.one(
        {
            "revision": state.database,
            "newest": state.program,
            "up_to_date": state.is_up_to_date,
        }
    )
    if state.is_newer:
        raise Failure(
            Outcome.FAILED,
            "The database was made by a newer version of this program; run that version.",
        )
    if not state.is_up_to_date:
        raise Failure(Outcome.FAILED, "The tables are not up to date; run: tokenbooth migrate")


async def _migrate(url: str, out: Output) -> None:
    from tokenbooth.server.stores.schema_state import schema_state
    from tokenbooth.server.stores.sql import open_store

    before = await schema_state(url)
    store = await open_store(url)
    await store.close()
    out.talk(
        "The tables were up to date already."
        if before.is_up_to_date
        else "The tables are up to date."
    )
    out.one({"revision": before.program, "before": before.database})
