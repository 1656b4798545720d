"""tokenbooth apis: create, show and change the APIs that tokens are for."""

from dataclasses import replace

import click

from tokenbooth.cli.api_options import ApiChanges, api_policy_options
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.errors import Missing, no_such
from tokenbooth.management.revise import revise
from tokenbooth.management.service import apis as management
from tokenbooth.management.service.api_changes import change_api
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Api, ApiPolicy, ApiScope

_issuer = click.option(
    "--issuer", metavar="NAME", default=DEFAULT_ISSUER, show_default=True, help="Whose API it is."
)


_describe = click.option(
    "--describe",
    "descriptions",
    metavar="SCOPE=WORDS",
    multiple=True,
    help='What a scope allows, for people: "persons:read=See people".',
)


@click.group(cls=HelpfulGroup)
def apis() -> None:
    """Create and change APIs: each is an audience and its scopes."""


@apis.command()
@click.argument("name")
@click.option("--audience", metavar="URI", required=True, help="Like https://api.example.com.")
@click.option("--scopes", required=True, help='Separated by spaces: "persons:read persons:write".')
@click.option("--self-service", is_flag=True, help="Account members may grant it themselves.")
@_describe
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
    descriptions: tuple[str, ...],
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
        descriptions=_words(descriptions),
    )
    out.one(created)
    of = "" if issuer == DEFAULT_ISSUER else f" --issuer {issuer}"
    out.talk(f"Let a client call it: tokenbooth clients create --api {created.name}{of}")


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
@click.option("--audience", metavar="URI", help="Another one: tokens for the former are refused.")
@click.option(
    "--self-service/--no-self-service",
    default=None,
    help="Account members may grant it themselves.",
)
@_describe
@api_policy_options
@_issuer
@managing
async def set_(
    booth: Booth,
    out: Output,
    *,
    name: str,
    audience: str | None,
    self_service: bool | None,
    descriptions: tuple[str, ...],
    changes: ApiChanges,
    issuer: str,
) -> None:
    """Change an API, and what its tokens carry: what is given replaces what was, the rest stays.

    The word none in place of claims or details takes all of them away.
    """
    about_itself = audience is not None or self_service is not None or descriptions
    if changes == ApiChanges() and not about_itself:
        raise Failure(Outcome.USAGE, "Say what to change; see: tokenbooth apis set --help")

    async def attempt() -> management.ApiView:
        api = await management.find_api(booth, name, issuer=issuer)
        return await change_api(
            booth,
            name,
            issuer=issuer,
            audience=audience,
            scopes=_described(api, _words(descriptions)) if descriptions else None,
            self_service=self_service,
        )

    changed = await revise(attempt) if about_itself else None
    if changes != ApiChanges():
        changed = await management.change_policy(
            booth,
            name,
            claims=changes.claims,
            authorization_details=changes.authorization_details,
            issuer=issuer,
        )
    out.one(changed)


def _described(api: Api, words: dict[str, str]) -> tuple[ApiScope, ...]:
    known = management.scope_names(api)
    for name in words:
        if name not in known:
            raise Missing(no_such("scope", name, known, where=f" of the API {api.name!r}"))
    return tuple(
        replace(scope, description=words.get(scope.name, scope.description)) for scope in api.scopes
    )


def _words(texts: tuple[str, ...]) -> dict[str, str]:
    """Read `scope=what it allows`."""
    said = {}
    for text in texts:
        name, equals, words = text.partition("=")
        if not equals:
            raise Failure(Outcome.USAGE, 'Write --describe like "persons:read=See people".')
        said[name] = words
    return said


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
