"""tokenbooth clients instructions: ready code and files for one client."""

import click

from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output
from tokenbooth.management.instructions import FORMATS, instructions_for
from tokenbooth.server.bootstrap import Booth


@click.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--format",
    "format_id",
    type=click.Choice(FORMATS),
    default="curl",
    show_default=True,
    help="Which of them to write.",
)
@click.option("--api", metavar="NAME", help="To call this API.  [default: the client's first]")
@issuer_option
@managing
async def instructions(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    format_id: str,
    api: str | None,
    issuer: str | None,
) -> None:
    """Write code with which a client gets a token and calls an API; never a secret.

    With --json: all formats at once.
    """
    written = await instructions_for(booth, client_id, issuer=issuer, api=api)
    if out.as_json:
        out.one(written)
        return
    snippet = written.snippet(format_id)
    click.echo(snippet.text, nl=False)
    if snippet.needs:
        out.talk(f"It needs: {', '.join(snippet.needs)}.")
    if snippet.secret_from:
        out.talk(f"The secret comes from: {snippet.secret_from}")
