"""tokenbooth apply, plan, drift and export: the whole service as files."""

import sys
from pathlib import Path

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.managing import managing
from tokenbooth.cli.options import read_stdin
from tokenbooth.cli.output import Output
from tokenbooth.cli.plan_report import plan_as_json, tell_who_needs_a_secret, write_plan
from tokenbooth.management.configuration import files
from tokenbooth.management.configuration.reading import MAX_BYTES, Source, read_source
from tokenbooth.management.errors import BadInput
from tokenbooth.server.bootstrap import Booth

_file_option = click.option(
    "-f",
    "--file",
    "names",
    metavar="FILE|-",
    multiple=True,
    required=True,
    help="A configuration file; more than one say it together.",
)
_prune_option = click.option(
    "--prune",
    is_flag=True,
    help="Delete what the issuers in the files have besides. Customers' clients stay.",
)


@click.command()
@_file_option
@_prune_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@managing
async def apply(
    booth: Booth, out: Output, *, names: tuple[str, ...], prune: bool, yes: bool
) -> None:
    """Make the service what files say: all of it at once, or nothing.

    Shows the plan first and asks; without a terminal it needs --yes. Applied again, it changes
    nothing.
    """
    prepared = await files.prepare(booth, _sources(names), prune=prune)
    if not out.as_json:
        write_plan(prepared.plan)
    if prepared.plan.steps:
        _agree(yes=yes)
        await files.apply(booth, prepared)
        out.talk("Applied.")
        tell_who_needs_a_secret(out, prepared.plan)
    if out.as_json:
        out.one({**plan_as_json(prepared.plan), "applied": bool(prepared.plan.steps)})


@click.command()
@_file_option
@_prune_option
@managing
async def plan(booth: Booth, out: Output, *, names: tuple[str, ...], prune: bool) -> None:
    """Show what apply would change, and change nothing."""
    prepared = await files.prepare(booth, _sources(names), prune=prune)
    if out.as_json:
        out.one(plan_as_json(prepared.plan))
    else:
        write_plan(prepared.plan)


@click.command()
@_file_option
@_prune_option
@managing
async def drift(booth: Booth, out: Output, *, names: tuple[str, ...], prune: bool) -> None:
    """Fail (exit code 1) if the service is not what files say.

    With --prune, also if it has something besides.
    """
    prepared = await files.prepare(booth, _sources(names), prune=prune)
    if out.as_json:
        out.one(plan_as_json(prepared.plan))
    else:
        write_plan(prepared.plan)
    if prepared.plan.steps:
        raise Failure(Outcome.FAILED, "The service is not what the files say.")


@click.command()
@click.option("--issuer", metavar="NAME", help="Only this one, with its APIs and clients.")
@click.option("-o", "--output", metavar="FILE", help="Write there.  [default: stdout]")
@managing
async def export(booth: Booth, out: Output, *, issuer: str | None, output: str | None) -> None:
    """Write the service as a configuration file, without its secrets."""
    text = await files.export(booth, issuer=issuer)
    if output is not None:
        _write(Path(output), text)
        out.talk(f"Written to {output}.")
        if out.as_json:
            out.one({"file": output})
    elif out.as_json:
        out.one({"configuration": text})
    else:
        click.echo(text, nl=False)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _agree(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(Outcome.USAGE, "Add --yes to apply this without being asked.")
    if not click.confirm("Apply this?", err=True):
        raise Failure(Outcome.FAILED, "Nothing was applied.")


def _sources(names: tuple[str, ...]) -> list[Source]:
    if len(set(names)) != len(names):
        raise BadInput("Name each file once.")
    return [_source(name) for name in names]


def _source(name: str) -> Source:
    if name == "-":
        text = read_stdin("configuration")
        return Source(name="stdin", text=text, folder=Path.cwd())
    path = Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Failure(Outcome.USAGE, f"Cannot read {name}: {error.strerror}.") from error
    return read_source(name, data, path.resolve().parent)
