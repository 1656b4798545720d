"""tokenbooth credentials: add, rotate, list and remove what a client proves itself with."""

import click

from tokenbooth.cli.durations import DURATION, spoken
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output, as_mapping
from tokenbooth.cli.proofs import proof_options
from tokenbooth.management import credentials as management
from tokenbooth.management.proofs import NewProof, add_proofs
from tokenbooth.server.bootstrap import Booth

_COLUMNS = ("id", "kind", "label", "hint", "status", "created_at", "expires_at", "last_used_at")
_ONCE = "Keep the client_secret now: it is shown this once and cannot be had again."


@click.group(cls=HelpfulGroup)
def credentials() -> None:
    """Add, rotate and remove what a client proves itself with; it can have several at a time."""


@credentials.command()
@click.argument("client_id", metavar="ID")
@click.option("--label", default="", help="Where it is used, for people.")
@click.option("--expires", type=DURATION, help="After this time, like 90d.  [default: never]")
@proof_options
@issuer_option
@managing
async def add(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    label: str,
    expires: int | None,
    proofs: tuple[NewProof, ...],
    issuer: str | None,
) -> None:
    """Give a client one more secret, or something better; what it has stays as it is."""
    if proofs:
        added = await add_proofs(
            booth, client_id, proofs, issuer=issuer, label=label, expires_in=expires
        )
        if out.as_json:
            out.one(added)
        else:
            out.many(added.credentials, _COLUMNS, empty="")
        out.talk(f"The client may use: {', '.join(added.auth_methods)}")
        return
    made = await management.add_secret(
        booth, client_id, issuer=issuer, label=label, expires_in=expires
    )
    out.one(made)
    out.talk(_ONCE)


@credentials.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--overlap",
    type=DURATION,
    default="24h",
    show_default=True,
    help="How long the older secrets stay valid.",
)
@click.option("--label", default="", help="Where the new one is used, for people.")
@issuer_option
@managing
async def rotate(
    booth: Booth, out: Output, *, client_id: str, overlap: int, label: str, issuer: str | None
) -> None:
    """Make a new secret, and let the older ones end after the overlap."""
    rotated = await management.rotate_secret(
        booth, client_id, issuer=issuer, overlap=overlap, label=label
    )
    made = as_mapping(rotated.new)
    if out.as_json:
        made["ending"] = as_mapping(rotated)["ending"]
    out.one(made)
    out.talk(_ONCE)
    if rotated.ending:
        ids = ", ".join(each.id for each in rotated.ending)
        when = f"within {spoken(overlap)}" if overlap else "now"
        out.talk(f"The older secrets end {when}: {ids}")


@credentials.command("list")
@click.argument("client_id", metavar="ID")
@issuer_option
@managing
async def list_(booth: Booth, out: Output, *, client_id: str, issuer: str | None) -> None:
    """List a client's credentials, oldest first; never the secrets."""
    out.many(
        await management.list_credentials(booth, client_id, issuer=issuer),
        _COLUMNS,
        empty="The client has no credentials. Add one with: tokenbooth credentials add",
    )


@credentials.command()
@click.argument("client_id", metavar="ID")
@click.argument("credential_id")
@click.option("--revoke-tokens", is_flag=True, help="And every token that it was used to get.")
@issuer_option
@managing
async def remove(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    credential_id: str,
    revoke_tokens: bool,
    issuer: str | None,
) -> None:
    """Remove a credential; it is refused from now on."""
    left = await management.remove_credential(
        booth, client_id, credential_id, issuer=issuer, revoke_tokens=revoke_tokens
    )
    tokens = " and revoked its tokens" if revoke_tokens else ""
    out.talk(f"Removed the credential {credential_id!r}{tokens}.")
    if not any(each.status == "valid" for each in left):
        out.talk("The client has no valid credential left: it cannot authenticate.")
    if out.as_json:
        out.one({"removed": credential_id, "left": [as_mapping(each) for each in left]})


@credentials.command("revoke-tokens")
@click.argument("client_id", metavar="ID")
@click.argument("credential_id")
@issuer_option
@managing
async def revoke_tokens(
    booth: Booth, out: Output, *, client_id: str, credential_id: str, issuer: str | None
) -> None:
    """End every token that a credential was used to get so far; it stays valid itself."""
    credential = await management.revoke_credential_tokens(
        booth, client_id, credential_id, issuer=issuer
    )
    out.talk(f"The tokens that the credential {credential.id!r} got until now are revoked.")
    if out.as_json:
        out.one(credential)
