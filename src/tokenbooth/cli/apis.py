"""tokenbooth apis: create, show and change the APIs that tokens are for."""

import click

from tokenbooth.cli.api_options import ApiChanges, api_policy_options
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management import apis as management
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, ApiPolicy

_issuer = click.option(
    "--issuer", metavar="NAME", default=DEFAULT_ISSUER, show_default=True, help="Whose API it is."
)


@click.group(cls=HelpfulGroup)
def apis() -> None:
    """Create and change APIs: each is an audience and its scopes."""


@apis.command()
@click.argument("name")
@click.option("--audience", metavar="URI", required=True, help="Like https://api.example.com.")
@click.option("--scopes", required=True, help='Separated by spaces: "persons:read persons:write".')
@click.option("--self-service", is_flag=True, help="Account members may grant it themselves.")
@api_policy_options
@_issuer
@managing
async def create(
    booth: Booth,
    out: Output,
    *,
    name: str,
    audience: str,
    scopes: str,
    self_service: bool,
    changes: ApiChanges,
    issuer: str,
) -> None:
    """Create an API."""
    created = await management.create_api(
        booth,
        name=name,
        audience=audience,
        scopes=scopes,
        issuer=issuer,
        self_service=self_service,
        policy=changes.added_to(ApiPolicy()),
    )
    out.one(created)


@apis.command("list")
@click.option("--issuer", metavar="NAME", help="Only this issuer's.")
@managing
async def list_(booth: Booth, out: Output, *, issuer: str | None) -> None:
    """List APIs."""
    out.many(
        await management.list_apis(booth, issuer=issuer),
        ["issuer", "name", "audience", "scopes", "self_service"],
        empty="There are no APIs. Create one with: tokenbooth apis create",
    )


@apis.command()
@click.argument("name")
@_issuer
@managing
async def show(booth: Booth, out: Output, *, name: str, issuer: str) -> None:
    """Show one API."""
    out.one(await management.show_api(booth, name, issuer=issuer))


@apis.command("add-scopes")
@click.argument("name")
@click.argument("scopes", nargs=-1, required=True)
@_issuer
@managing
async def add_scopes(
    booth: Booth, out: Output, *, name: str, scopes: tuple[str, ...], issuer: str
) -> None:
    """Give an API further scopes; its clients get none of them by that."""
    out.one(await management.add_scopes(booth, name, scopes=" ".join(scopes), issuer=issuer))


@apis.command("set")
@click.argument("name")
@api_policy_options
@_issuer
@managing
async def set_(booth: Booth, out: Output, *, name: str, changes: ApiChanges, issuer: str) -> None:
    """Change what its tokens carry: what is given replaces what was, the rest stays.

    The word none in place of a value takes all of them away.
    """
    if changes == ApiChanges():
        raise Failure(Outcome.USAGE, "Say what to change; see: tokenbooth apis set --help")
    changed = await management.change_policy(
        booth,
        name,
        claims=changes.claims,
        authorization_details=changes.authorization_details,
        issuer=issuer,
    )
    out.one(changed)


@apis.command()
@click.argument("name")
@_issuer
@managing
async def delete(booth: Booth, out: Output, *, name: str, issuer: str) -> None:
    """Delete an API that no client has access to."""
    deleted = await management.delete_api(booth, name, issuer=issuer)
    out.talk(f"Deleted the API {deleted.name!r} of the issuer {deleted.issuer!r}.")
    if out.as_json:
        out.one(deleted)
