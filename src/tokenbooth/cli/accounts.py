"""tokenbooth accounts: the customers that own clients."""

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.people import accounts as management
from tokenbooth.server.bootstrap import Booth


@click.group(cls=HelpfulGroup)
def accounts() -> None:
    """Create, show, change and delete accounts: the customers that own clients."""


@accounts.command()
@click.argument("name")
@click.option("--title", default="", help="The customer's name as people write it.")
@managing
async def create(booth: Booth, out: Output, *, name: str, title: str) -> None:
    """Create an account."""
    out.one(await management.create_account(booth, name=name, title=title))
    out.talk(f"Invite its owner: tokenbooth members invite EMAIL --role owner --account {name}")


@accounts.command("list")
@managing
async def list_(booth: Booth, out: Output) -> None:
    """List accounts."""
    out.many(
        await management.list_accounts(booth),
        ["name", "title", "created_at"],
        empty="There are no accounts. Create one with: tokenbooth accounts create",
    )


@accounts.command()
@click.argument("name")
@managing
async def show(booth: Booth, out: Output, *, name: str) -> None:
    """Show an account, and how many clients and members it has."""
    out.one(await management.show_account(booth, name))


@accounts.command("set")
@click.argument("name")
@click.option("--title", required=True, help="The customer's name as people write it.")
@managing
async def set_(booth: Booth, out: Output, *, name: str, title: str) -> None:
    """Change the title of an account; its name stays."""
    out.one(await management.change_account(booth, name, title=title))


@accounts.command()
@click.argument("name")
@managing
async def delete(booth: Booth, out: Output, *, name: str) -> None:
    """Delete an account that has neither clients nor members any more."""
    await management.delete_account(booth, name)
    out.talk(f"The account {name!r} is deleted.")
    if out.as_json:
        out.one({"name": name})
