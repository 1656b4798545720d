"""tokenbooth keys: show the keys with which issuers sign and seal."""

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management import keys as management
from tokenbooth.server.bootstrap import Booth


@click.group(cls=HelpfulGroup)
def keys() -> None:
    """Show the keys with which issuers sign and seal their tokens."""


@keys.command("list")
@click.option("--issuer", metavar="NAME", help="Only this issuer's.")
@managing
async def list_(booth: Booth, out: Output, *, issuer: str | None) -> None:
    """List keys: next, current, retired and expired ones."""
    out.many(
        await management.list_keys(booth, issuer=issuer),
        ["issuer", "purpose", "alg", "status", "kid", "created_at", "retires_at", "expires_at"],
        empty="There are no keys.",
    )
