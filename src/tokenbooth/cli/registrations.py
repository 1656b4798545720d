"""tokenbooth registrations: let others register clients by themselves."""

import click

from tokenbooth.cli.durations import DURATION
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.clients import registrations as management
from tokenbooth.management.clients.requests import grant_types
from tokenbooth.management.errors import ManagementError
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.registration_tokens import MAX_USES

_issuer = click.option(
    "--issuer", metavar="NAME", default=DEFAULT_ISSUER, show_default=True, help="Where."
)


@click.group(cls=HelpfulGroup)
def registrations() -> None:
    """Let others register clients by themselves (RFC 7591)."""


@registrations.command("create-token")
@click.option("--api", "apis", metavar="NAME", multiple=True, required=True, help="May call it.")
@click.option("--scope", help="What they may ask for at most.  [default: all scopes of the APIs]")
@click.option(
    "--grant",
    "grants",
    metavar="GRANT",
    multiple=True,
    default=["client-credentials"],
    show_default=True,
    help="Which grants they may have.",
)
@click.option(
    "--expires", type=DURATION, default="7d", show_default=True, help="Valid for so long."
)
@click.option(
    "--uses",
    type=click.IntRange(1, MAX_USES),
    default=1,
    show_default=True,
    help="Registers so many clients.",
)
@_issuer
@managing
async def create_token(
    booth: Booth,
    out: Output,
    *,
    apis: tuple[str, ...],
    scope: str | None,
    grants: tuple[str, ...],
    expires: int,
    uses: int,
    issuer: str,
) -> None:
    """Make an initial access token: who has it registers clients with this access at most."""
    try:
        named = grant_types(grants)
    except ManagementError as error:
        raise Failure(Outcome.USAGE, str(error)) from error
    made = await management.create_token(
        booth,
        apis=apis,
        scope=scope,
        grants=named,
        issuer=issuer,
        expires_in=expires,
        uses=uses,
    )
    out.one(made)
    out.talk("Keep the initial_access_token now: it is shown this once and cannot be had again.")


@registrations.command("revoke-token")
@click.argument("token_id", metavar="TOKEN_ID")
@_issuer
@managing
async def revoke_token(booth: Booth, out: Output, *, token_id: str, issuer: str) -> None:
    """End an initial access token; the clients that it registered stay."""
    await management.revoke_token(booth, token_id, issuer=issuer)
    out.talk(f"The initial access token {token_id} registers no more clients.")
    if out.as_json:
        out.one({"token_id": token_id, "issuer": issuer})
