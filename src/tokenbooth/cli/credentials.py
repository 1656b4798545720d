"""tokenbooth credentials: add, rotate, list and remove what a client proves itself with."""

import click
from msgspec import UNSET

from tokenbooth.cli import rotation
from tokenbooth.cli.durations import DURATION, parse_duration
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output, as_mapping
from tokenbooth.cli.proofs import proof_options
from tokenbooth.management.clients import credentials as management
from tokenbooth.management.clients.proofs import NewProof, add_proofs
from tokenbooth.management.clients.reminders import list_reminders
from tokenbooth.server.bootstrap import Booth

HOST_COLUMNS = ("source", "agent", "first_at", "last_at", "count")
_COLUMNS = ("id", "kind", "label", "hint", "status", "created_at", "expires_at", "last_used_at")


@click.group(cls=HelpfulGroup)
def credentials() -> None:
    """Add, rotate and remove what a client proves itself with; it can have several at a time."""


for command in rotation.COMMANDS:
    credentials.add_command(command)


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
    out.talk(rotation.ONCE)


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
@issuer_option
@managing
async def show(
    booth: Booth, out: Output, *, client_id: str, credential_id: str, issuer: str | None
) -> None:
    """Show a credential, and the latest places from which it was used."""
    found = await management.show_credential(booth, client_id, credential_id, issuer=issuer)
    if out.as_json:
        out.one(found)
        return
    out.one(found.credential)
    out.many(found.hosts, HOST_COLUMNS, empty="Nobody has used it yet.")


@credentials.command("set")
@click.argument("client_id", metavar="ID")
@click.argument("credential_id")
@click.option("--label", help="Where it is used, for people.")
@click.option("--expires", metavar="DURATION", help="After this time from now, like 90d, or never.")
@issuer_option
@managing
async def set_(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    credential_id: str,
    label: str | None,
    expires: str | None,
    issuer: str | None,
) -> None:
    """Change the label or the end of a credential."""
    if label is None and expires is None:
        raise Failure(Outcome.USAGE, "Say what to change; see: tokenbooth credentials set --help")
    changed = await management.change_credential(
        booth,
        client_id,
        credential_id,
        label=UNSET if label is None else label,
        expires_at=UNSET if expires is None else _end(booth, expires),
        issuer=issuer,
    )
    out.one(changed)


def _end(booth: Booth, text: str) -> float | None:
    if text == "never":
        return None
    try:
        return booth.clock.now() + parse_duration(text)
    except ValueError as error:
        raise Failure(Outcome.USAGE, f"{text[:40]!r} is no span of time: {error}.") from error


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


@credentials.command()
@click.option(
    "--within", type=DURATION, default="30d", show_default=True, help="What ends so soon."
)
@click.option(
    "--unused-for",
    type=DURATION,
    default="30d",
    show_default=True,
    help="What nobody used so long.",
)
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--issuer", metavar="NAME", help="Only this issuer's.")
@click.option("--check", is_flag=True, help="Exit with 1 if there are any.")
@managing
async def reminders(
    booth: Booth,
    out: Output,
    *,
    within: int,
    unused_for: int,
    account: str | None,
    issuer: str | None,
    check: bool,
) -> None:
    """List credentials that end soon, that nobody uses, and rotations to finish."""
    found = await list_reminders(
        booth, within=within, unused_for=unused_for, account=account, issuer=issuer
    )
    out.many(
        found,
        ("kind", "issuer", "client_id", "credential_id", "label", "at", "text"),
        empty="There is nothing to remind you of.",
    )
    if found and check:
        raise Failure(Outcome.FAILED, f"There are {len(found)} reminders.")
