"""tokenbooth credentials rotate, status, finish and cancel: a new secret without an outage."""

import asyncio
import sys

import click

from tokenbooth.cli.durations import DURATION, spoken
from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output, as_mapping
from tokenbooth.management.clients import rotation as management
from tokenbooth.management.clients.rotation import RotationStatus, SecretInUse
from tokenbooth.server.bootstrap import Booth

ONCE = "Keep the client_secret now: it is shown this once and cannot be had again."
_LONGEST_PAUSE = 10.0

_quiet_option = click.option(
    "--quiet-for",
    "quiet",
    type=DURATION,
    default="24h",
    show_default=True,
    help="The old secret can go when nobody used it for so long.",
)
_force_option = click.option("--force", is_flag=True, help="Even if that is not safe.")


@click.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--overlap",
    type=DURATION,
    default="24h",
    show_default=True,
    help="How long the older secrets stay valid.",
)
@click.option("--label", default="", help="Where the new one is used, for people.")
@click.option(
    "--wait-until-unused",
    is_flag=True,
    help="Then wait until the old one can go, and remove it.",
)
@_quiet_option
@issuer_option
@managing
async def rotate(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    overlap: int,
    label: str,
    wait_until_unused: bool,
    quiet: int,
    issuer: str | None,
) -> None:
    """Make a new secret, and let the older ones end after the overlap."""
    rotated = await management.rotate_secret(
        booth, client_id, issuer=issuer, overlap=overlap, label=label
    )
    made = as_mapping(rotated.new)
    if out.as_json:
        made["ending"] = as_mapping(rotated)["ending"]
    out.one(made)
    out.talk(ONCE)
    if rotated.ending:
        ids = ", ".join(each.id for each in rotated.ending)
        when = f"within {spoken(overlap)}" if overlap else "now"
        out.talk(f"The older secrets end {when}: {ids}")
    if wait_until_unused and rotated.ending:
        sys.stdout.flush()  # whoever waits for the secret must not wait on
        await _wait(booth, out, client_id, quiet, rotated.new.issuer)


async def _wait(booth: Booth, out: Output, client_id: str, quiet: int, issuer: str) -> None:
    told = ""
    while True:
        status = await management.rotation_status(booth, client_id, issuer=issuer, quiet=quiet)
        if status.why != told:
            told = status.why
            out.talk(told)
        if status.is_safe_to_finish:
            break
        await asyncio.sleep(min(_LONGEST_PAUSE, max(0.1, quiet / 10)))
    await management.finish_rotation(booth, client_id, issuer=issuer, quiet=quiet)
    out.talk("Removed the old secret.")


@click.command()
@click.argument("client_id", metavar="ID")
@_quiet_option
@issuer_option
@managing
async def status(
    booth: Booth, out: Output, *, client_id: str, quiet: int, issuer: str | None
) -> None:
    """Show who still uses the old secret of a rotation, and whether it can go."""
    found = await management.rotation_status(booth, client_id, issuer=issuer, quiet=quiet)
    if out.as_json:
        out.one(found)
        return
    out.many(
        [_row("new", found.new), *(_row("old", each) for each in found.old)],
        ("which", "id", "label", "status", "expires_at", "used_since", "last_used_at", "hosts"),
        empty="",
    )
    hosts = [
        {"secret": each.credential.id, **as_mapping(host)}
        for each in (found.new, *found.old)
        for host in each.hosts
    ]
    if hosts:
        out.many(hosts, ("secret", "source", "agent", "last_at", "count"), empty="")
    out.talk(_advice(found))


def _row(which: str, secret: SecretInUse) -> dict[str, object]:
    return {
        "which": which,
        **as_mapping(secret.credential),
        "used_since": secret.used_since,
        "hosts": len(secret.hosts),
    }


def _advice(found: RotationStatus) -> str:
    if found.is_safe_to_finish:
        return f"{found.why} Remove it with: tokenbooth credentials finish {found.client_id}"
    if found.safe_at is None:
        return found.why
    return f"{found.why} If nobody uses it again, it can go at {found.safe_at:%Y-%m-%d %H:%M:%SZ}."


@click.command()
@click.argument("client_id", metavar="ID")
@_quiet_option
@_force_option
@click.option("--revoke-tokens", is_flag=True, help="And every token got with the old ones.")
@issuer_option
@managing
async def finish(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    quiet: int,
    force: bool,
    revoke_tokens: bool,
    issuer: str | None,
) -> None:
    """Remove the old secrets of a rotation now, if nobody uses them any more."""
    finished = await management.finish_rotation(
        booth, client_id, issuer=issuer, force=force, quiet=quiet, revoke_tokens=revoke_tokens
    )
    ids = ", ".join(each.credential.id for each in finished.old)
    out.talk(f"Removed the old secrets of {finished.client_id!r}: {ids}")
    if out.as_json:
        out.one({"removed": [each.credential.id for each in finished.old]})


@click.command()
@click.argument("client_id", metavar="ID")
@_force_option
@issuer_option
@managing
async def cancel(
    booth: Booth, out: Output, *, client_id: str, force: bool, issuer: str | None
) -> None:
    """Take a rotation back: remove the new secret, and keep the old one as long as before."""
    left = await management.cancel_rotation(booth, client_id, issuer=issuer, force=force)
    out.talk("Removed the new secret; the old one stays.")
    if out.as_json:
        out.one({"left": [as_mapping(each) for each in left]})


COMMANDS = (rotate, status, finish, cancel)
