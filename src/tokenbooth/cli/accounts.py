"""tokenbooth accounts: create and list the customers that own clients."""

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management import accounts as management
from tokenbooth.server.bootstrap import Booth


@click.group(cls=HelpfulGroup)
def accounts() -> None:
    """Create and list accounts: the customers that own clients."""


@accounts.command()
@click.argument("name")
@click.option("--title", default="", help="The customer's name as people write it.")
@managing
async def create(booth: Booth, out: Output, *, name: str, title: str) -> None:
    """Create an account."""
    out.one(await management.create_account(booth, name=name, title=title))


@accounts.command("list")
@managing
async def list_(booth: Booth, out: Output) -> None:
    """List accounts."""
    out.many(
        await management.list_accounts(booth),
        ["name", "title", "created_at"],
        empty="There are no accounts. Create one with: tokenbooth accounts create",
    )
