"""tokenbooth requests: ask for access to an API, and decide what was asked."""

from typing import cast, get_args

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output
from tokenbooth.management.clients import access_requests as management
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import RequestStatus


@click.group(cls=HelpfulGroup)
def requests() -> None:
    """Ask for access to APIs that are not self-service, and decide what accounts asked for."""


@requests.command()
@click.argument("client_id", metavar="ID")
@click.option("--api", metavar="NAME", required=True, help="Which API.")
@click.option("--scope", help="Exactly this.  [default: all scopes of the API]")
@click.option("--reason", required=True, help="Why, for whoever decides.")
@issuer_option
@managing
async def create(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    api: str,
    scope: str | None,
    reason: str,
    issuer: str | None,
) -> None:
    """Ask for access to an API for a client that an account owns."""
    asked = await management.request_access(
        booth,
        client_id,
        api=api,
        scopes=None if scope is None else scope.split(),
        reason=reason,
        issuer=issuer,
    )
    out.one(asked)
    out.talk(f"An operator decides: tokenbooth requests approve {asked.id}, or refuse.")


@requests.command("list")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--status", type=click.Choice(get_args(RequestStatus)), help="Only these.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=management.MOST),
    default=100,
    show_default=True,
    help="At most so many.",
)
@managing
async def list_(
    booth: Booth, out: Output, *, account: str | None, status: str | None, limit: int
) -> None:
    """List requests, the latest first."""
    out.many(
        await management.list_requests(
            booth, account=account, status=cast("RequestStatus | None", status), limit=limit
        ),
        ("id", "status", "account", "client_id", "api", "scopes", "reason", "requested_at"),
        empty="Nobody asks for anything.",
    )


@requests.command()
@click.argument("request_id")
@managing
async def show(booth: Booth, out: Output, *, request_id: str) -> None:
    """Show a request, and what became of it."""
    out.one(await management.show_request(booth, request_id))


@requests.command()
@click.argument("request_id")
@click.option("--scope", help="Only this part.  [default: all that was asked for]")
@click.option("--reason", default="", help="For whoever asked.")
@managing
async def approve(
    booth: Booth, out: Output, *, request_id: str, scope: str | None, reason: str
) -> None:
    """Grant what was asked for, or a part of it."""
    out.one(
        await management.approve(
            booth, request_id, scopes=None if scope is None else scope.split(), reason=reason
        )
    )


@requests.command()
@click.argument("request_id")
@click.option("--reason", required=True, help="Why, for whoever asked.")
@managing
async def refuse(booth: Booth, out: Output, *, request_id: str, reason: str) -> None:
    """Refuse what was asked for."""
    out.one(await management.refuse(booth, request_id, reason=reason))


@requests.command()
@click.argument("request_id")
@click.option("--reason", default="", help="Why it is no longer needed.")
@managing
async def withdraw(booth: Booth, out: Output, *, request_id: str, reason: str) -> None:
    """Take a request back that nobody has decided yet."""
    out.one(await management.withdraw_request(booth, request_id, reason=reason))
