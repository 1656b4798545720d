"""tokenbooth issuers: create and show authorization server identities."""

import click

from tokenbooth.cli.durations import DURATION
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.clients.federation import set_distrusted
from tokenbooth.management.revise import revise
from tokenbooth.management.service import issuers as management
from tokenbooth.management.service.issuer_changes import IssuerChanges, change_issuer
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.profiles import PROFILES
from tokenbooth.server.records import IssuerPolicy, ProfileName, TokenFormat


@click.group(cls=HelpfulGroup)
def issuers() -> None:
    """Create and show issuers: each has its own URL, keys, policy and dialect."""


@issuers.command()
@click.argument("name")
@click.option("--dialect", default="standard", show_default=True, help="Whose ways it speaks.")
@click.option("--issuer-url", "url", metavar="URL", help="The URL of a host that it owns.")
@click.option("--token-format", type=click.Choice(["jwt", "opaque"]), help="Of its tokens.")
@click.option("--token-lifetime", type=DURATION, help="Like 3600, 60m or 1h.")
@click.option("--refresh-tokens/--no-refresh-tokens", default=None, help="Hand them out.")
@click.option("--refresh-lifetime", type=DURATION, help="Like 1800, 30m or 7d.")
@click.option(
    "--alg",
    type=click.Choice(SIGNING_ALGORITHMS),
    default="ES256",
    show_default=True,
    help="To sign with.",
)
@click.option(
    "--dpop-nonce", is_flag=True, help="Have all DPoP proofs hold a nonce of the service's."
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="oauth21",
    show_default=True,
    help="What it forbids; fapi2: the FAPI 2.0 security profile.",
)
@managing
async def create(
    booth: Booth,
    out: Output,
    *,
    name: str,
    dialect: str,
    url: str | None,
    token_format: TokenFormat | None,
    token_lifetime: int | None,
    refresh_tokens: bool | None,
    refresh_lifetime: int | None,
    alg: str,
    dpop_nonce: bool,
    profile: ProfileName,
) -> None:
    """Create an issuer with its keys; what is not given comes from the dialect."""
    created = await management.create_issuer(
        booth,
        name=name,
        url=url,
        dialect=dialect,
        token_format=token_format,
        token_lifetime=token_lifetime,
        refresh_tokens=refresh_tokens,
        refresh_lifetime=refresh_lifetime,
        alg=alg,
        policy=IssuerPolicy(dpop_nonce=dpop_nonce, profile=profile),
    )
    out.one(created)


@issuers.command("list")
@managing
async def list_(booth: Booth, out: Output) -> None:
    """List all issuers."""
    out.many(
        await management.list_issuers(booth),
        ["name", "url", "dialect", "token_format", "token_lifetime", "refresh_tokens", "alg"],
        empty="There are no issuers.",
    )


@issuers.command()
@click.argument("name")
@managing
async def show(booth: Booth, out: Output, *, name: str) -> None:
    """Show one issuer."""
    out.one(await management.show_issuer(booth, name))


@issuers.command("set")
@click.argument("name")
@click.option("--dialect", help="Whose ways it speaks.")
@click.option("--token-format", type=click.Choice(["jwt", "opaque"]), help="Of its tokens.")
@click.option("--token-lifetime", type=DURATION, help="Like 3600, 60m or 1h.")
@click.option("--refresh-tokens/--no-refresh-tokens", default=None, help="Hand them out.")
@click.option("--refresh-lifetime", type=DURATION, help="Like 1800, 30m or 7d.")
@click.option(
    "--dpop-nonce/--no-dpop-nonce", default=None, help="DPoP proofs with our nonce alone."
)
@click.option("--profile", type=click.Choice(list(PROFILES)), help="What it forbids.")
@managing
async def set_(
    booth: Booth,
    out: Output,
    *,
    name: str,
    dialect: str | None,
    token_format: TokenFormat | None,
    token_lifetime: int | None,
    refresh_tokens: bool | None,
    refresh_lifetime: int | None,
    dpop_nonce: bool | None,
    profile: ProfileName | None,
) -> None:
    """Change how an issuer gives tokens; what is not given stays, and so do tokens that are about.

    Clients that a new profile forbids are refused from then on.
    """
    changes = IssuerChanges(
        dialect=dialect,
        token_format=token_format,
        token_lifetime=token_lifetime,
        refresh_tokens=refresh_tokens,
        refresh_lifetime=refresh_lifetime,
        dpop_nonce=dpop_nonce,
        profile=profile,
    )
    if changes == IssuerChanges():
        raise Failure(Outcome.USAGE, "Say what to change; see: tokenbooth issuers set --help")

    async def attempt() -> management.IssuerView:
        return await change_issuer(booth, name, changes)

    out.one(await revise(attempt))


@issuers.command("revoke-tokens")
@click.argument("name")
@managing
async def revoke_tokens(booth: Booth, out: Output, *, name: str) -> None:
    """End every token that an issuer issued so far, to every client."""
    issuer = await management.revoke_issuer_tokens(booth, name)
    out.talk(f"The tokens that the issuer {issuer.name!r} issued until now are revoked.")
    if out.as_json:
        out.one(issuer)


@issuers.command()
@click.argument("name")
@click.argument("outside_issuer", metavar="URL")
@managing
async def distrust(booth: Booth, out: Output, *, name: str, outside_issuer: str) -> None:
    """Refuse the tokens of an outside issuer, whichever clients trust it.

    URL is the issuer as its tokens name it, or spiffe://domain.
    """
    left = await set_distrusted(booth, name, outside_issuer, is_distrusted=True)
    out.talk(f"No client of {name!r} may prove itself by {outside_issuer} any more.")
    if out.as_json:
        out.one({"distrusted_issuers": left})


@issuers.command()
@click.argument("name")
@click.argument("outside_issuer", metavar="URL")
@managing
async def trust(booth: Booth, out: Output, *, name: str, outside_issuer: str) -> None:
    """End what `distrust` did; who trusts whom is said by the clients' credentials."""
    left = await set_distrusted(booth, name, outside_issuer, is_distrusted=False)
    out.talk(f"The clients of {name!r} that trust {outside_issuer} may prove themselves by it.")
    if out.as_json:
        out.one({"distrusted_issuers": left})
