"""tokenbooth keys: show, rotate and remove the keys with which issuers sign and seal."""

from pathlib import Path

import click

from tokenbooth.cli.durations import DURATION, spoken
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.service import keys as management
from tokenbooth.management.service.master_key import reseal as reseal_all
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER

_at_issuer = click.option(
    "--issuer", metavar="NAME", default=DEFAULT_ISSUER, show_default=True, help="Whose keys."
)


@click.group(cls=HelpfulGroup)
def keys() -> None:
    """Show, rotate and remove the keys with which issuers sign and seal their tokens."""


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


@keys.command()
@_at_issuer
@click.option("--alg", type=click.Choice(SIGNING_ALGORITHMS), help="Sign with that from then on.")
@click.option(
    "--lead",
    type=DURATION,
    help="Publish it that long before it is used, like 15m.  [default: as by schedule, 24h]",
)
@click.option("--now", is_flag=True, help="In 2 seconds; verifiers have to fetch it then.")
@click.option(
    "--signer",
    metavar="WHERE",
    help='"database", or a device: "pkcs11:token=NAME?module-path=FILE&pin-source=file:FILE".'
    "  [default: where the key in use is]",
)
@click.option("--sealing", is_flag=True, help="The key of opaque and refresh tokens instead.")
@managing
async def rotate(
    booth: Booth,
    out: Output,
    *,
    issuer: str,
    alg: str | None,
    lead: int | None,
    now: bool,
    signer: str | None,
    sealing: bool,
) -> None:
    """Have another key in use soon; older tokens stay valid until they expire.

    A key that is published for use later is used sooner instead, if it fits.
    """
    if now and lead is not None:
        raise click.UsageError("Give --now or --lead, not both.")
    made = await management.rotate_key(
        booth, issuer=issuer, sealing=sealing, alg=alg, lead=0 if now else lead, signer=signer
    )
    out.one(made)
    wait = made.activates_at.timestamp() - booth.clock.now()
    when = f"in {spoken(wait)}" if wait >= 1 else "from now on"
    out.talk(f"The issuer {issuer!r} uses the key {made.kid} {when}.")


@keys.command()
@click.argument("kid")
@click.option("--issuer", metavar="NAME", help="Whose key.")
@click.option("--force", is_flag=True, help="Even if it is in use; its tokens end at once.")
@managing
async def remove(booth: Booth, out: Output, *, kid: str, issuer: str | None, force: bool) -> None:
    """Delete a key; the next one, or a new one, stands in for it.

    Guards that check tokens themselves notice when they fetch the keys again, within minutes;
    `issuers revoke-tokens` reaches those that follow the revocation feed within seconds.
    """
    removed = await management.remove_key(booth, kid, issuer=issuer, force=force)
    out.talk(f"The key {removed.kid} of the issuer {removed.issuer!r} is removed.")
    if out.as_json:
        out.one(removed)


@keys.command()
@_at_issuer
@click.option("--lifetime", type=DURATION, help="How long a key is used, in whole days: 90d.")
@click.option("--publish-ahead", type=DURATION, help="Before it is used; at least 15m.")
@managing
async def schedule(
    booth: Booth, out: Output, *, issuer: str, lifetime: int | None, publish_ahead: int | None
) -> None:
    """Show how an issuer's keys follow each other, and change what is given."""
    if lifetime is not None and lifetime % 86_400:
        raise click.UsageError("The lifetime is in whole days, like 90d.")
    out.one(
        await management.schedule_keys(
            booth,
            issuer=issuer,
            lifetime_days=None if lifetime is None else lifetime // 86_400,
            publish_ahead=publish_ahead,
        )
    )


@keys.command()
@click.option(
    "--new-master-key-file",
    "new_file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holds the new master key; made when missing.",
)
@managing
async def reseal(booth: Booth, out: Output, *, new_file: Path) -> None:
    """Replace the master key: seal everything in the database under a new one.

    The service goes on. Its key file gets the new key in the first line and keeps the old one
    below, for copies of the database from before.
    """
    done = await reseal_all(booth, new_file)
    out.talk(f"Sealed {done.keys} keys under the master key in {new_file}.")
    if done.master_key_file_updated:
        out.talk(f"{done.master_key_file} holds it too; the running service takes it from there.")
    else:
        out.talk(
            f"{done.master_key_file} could not be written: set TOKENBOOTH_MASTER_KEY_FILE to "
            f"{new_file} and restart the service. Until then it uses the keys in its memory."
        )
    if out.as_json:
        out.one(done)
