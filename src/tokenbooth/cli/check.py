"""tokenbooth check: what is wrong with how the service is set up, and what to do about it."""

import asyncio
import os

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import json_option
from tokenbooth.cli.output import Output, as_mapping, write_json
from tokenbooth.server.checks.finding import Finding
from tokenbooth.server.settings import DEFAULT_DATABASE


@click.command()
@click.option(
    "--database",
    metavar="URL",
    envvar="TOKENBOOTH_DATABASE",
    show_envvar=True,
    help=f"The database.  [default: {DEFAULT_DATABASE}]",
)
@click.option(
    "--settings-file", metavar="FILE", help="A settings file, as `tokenbooth serve` takes it."
)
@json_option
def check(*, database: str | None, settings_file: str | None, as_json: bool) -> None:
    """Look for mistakes in how the service is set up, and say what to do; exit code 1 for errors.

    It reads the TOKENBOOTH_ variables as the service does: run it with the service's environment
    and user. It changes nothing.
    """
    from tokenbooth.server.checks.everything import check_everything

    out = Output(as_json=as_json)
    found = asyncio.run(
        check_everything(os.environ, database=database, settings_file=settings_file)
    )
    if as_json:
        write_json([as_mapping(each) for each in found])
    for each in () if as_json else found:
        _show(each)
    errors = sum(each.level == "error" for each in found)
    if errors:
        raise Failure(
            Outcome.FAILED, "There is an error." if errors == 1 else f"There are {errors} errors."
        )
    out.talk("Nothing to mend." if not found else "There are no errors.")


def _show(finding: Finding) -> None:
    click.echo(f"{finding.level}: {finding.seen}\n    {finding.do}")
