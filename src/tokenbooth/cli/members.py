"""tokenbooth members: the people who sign in to the console."""

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.addresses import service_url
from tokenbooth.management.people import invitations as inviting
from tokenbooth.management.people import members as management
from tokenbooth.management.people.links import NewLink
from tokenbooth.management.people.password_changes import reset_link
from tokenbooth.management.people.roles import NAMES, read_role
from tokenbooth.server.bootstrap import Booth

_account_option = click.option("--account", metavar="NAME", help="Of this account.")
_who = click.argument("who", metavar="EMAIL")


@click.group(cls=HelpfulGroup)
def members() -> None:
    """Invite, show, change and remove the people who sign in to the console."""


@members.command("list")
@_account_option
@managing
async def list_(booth: Booth, out: Output, *, account: str | None) -> None:
    """List members."""
    out.many(
        await management.list_members(booth, account=account),
        ["email", "name", "role", "account", "enabled", "has_second_factor", "last_sign_in_at"],
        empty="There are no members. Invite one with: tokenbooth members invite",
    )


@members.command()
@click.argument("email")
@click.option("--role", type=click.Choice(NAMES), help="What they may do.")
@click.option("--operator", is_flag=True, help="The same as --role operator.")
@_account_option
@managing
async def invite(
    booth: Booth, out: Output, *, email: str, role: str | None, operator: bool, account: str | None
) -> None:
    """Make a one-time link by which somebody becomes a member; nothing is sent.

    Operators run the service and have no account; owners and members have one. An auditor without
    an account reads everything, one with an account reads that account's.
    """
    if operator == (role is not None):
        raise click.UsageError("Say what they may do: --operator, or --role with --account.")
    chosen = read_role(role or "operator")
    _tell(booth, out, await inviting.invite(booth, email=email, role=chosen, account=account))


@members.command()
@_account_option
@managing
async def invitations(booth: Booth, out: Output, *, account: str | None) -> None:
    """List links that nobody followed yet: to join, and to choose a new password."""
    out.many(
        await inviting.list_invitations(booth, account=account),
        ["id", "kind", "email", "role", "account", "invited_by", "expires_at"],
        empty="There are no open links.",
    )


@members.command("renew-invitation")
@click.argument("invitation_id", metavar="ID")
@managing
async def renew_invitation(booth: Booth, out: Output, *, invitation_id: str) -> None:
    """Make a new link for an invitation; the old one leads nowhere from then on."""
    _tell(booth, out, await inviting.renew_invitation(booth, invitation_id))


@members.command("withdraw-invitation")
@click.argument("invitation_id", metavar="ID")
@managing
async def withdraw_invitation(booth: Booth, out: Output, *, invitation_id: str) -> None:
    """End a link before it is followed."""
    await inviting.withdraw_invitation(booth, invitation_id)
    out.talk("The link leads nowhere any more.")
    if out.as_json:
        out.one({"id": invitation_id})


@members.command()
@_who
@managing
async def show(booth: Booth, out: Output, *, who: str) -> None:
    """Show a member."""
    out.one(await management.show_member(booth, who))


@members.command("set")
@_who
@click.option("--name", help="How they are called.")
@click.option("--role", type=click.Choice(NAMES), help="What they may do; ends their sessions.")
@click.option("--account", metavar="NAME", help="Move them there; ends their sessions.")
@managing
async def set_(
    booth: Booth, out: Output, *, who: str, name: str | None, role: str | None, account: str | None
) -> None:
    """Change name, role or account of a member."""
    if name is None and role is None and account is None:
        raise click.UsageError("Say what to change: --name, --role or --account.")
    chosen = None if role is None else read_role(role)
    out.one(await management.change_member(booth, who, name=name, role=chosen, account=account))


@members.command()
@_who
@managing
async def disable(booth: Booth, out: Output, *, who: str) -> None:
    """Sign a member out everywhere, and let them sign in no more."""
    out.one(await management.disable_member(booth, who))


@members.command()
@_who
@managing
async def enable(booth: Booth, out: Output, *, who: str) -> None:
    """Let a disabled member sign in again."""
    out.one(await management.enable_member(booth, who))


@members.command()
@_who
@managing
async def remove(booth: Booth, out: Output, *, who: str) -> None:
    """Remove a member; what they made stays."""
    await management.remove_member(booth, who)
    out.talk(f"{who} is no member any more.")
    if out.as_json:
        out.one({"email": who})


@members.command("reset-password")
@_who
@managing
async def reset_password(booth: Booth, out: Output, *, who: str) -> None:
    """Make a one-time link to choose a new password by; the old one stays until then."""
    _tell(booth, out, await reset_link(booth, who))


@members.command("remove-second-factor")
@_who
@managing
async def remove_second_factor(booth: Booth, out: Output, *, who: str) -> None:
    """Let a member who lost phone and recovery codes sign in without a code."""
    out.one(await management.remove_second_factor_of(booth, who))


@members.command("end-sessions")
@_who
@managing
async def end_sessions(booth: Booth, out: Output, *, who: str) -> None:
    """Sign a member out everywhere."""
    ended = await management.end_member_sessions(booth, who)
    out.talk(f"{who} is signed out of {ended} browser{'' if ended == 1 else 's'}.")
    if out.as_json:
        out.one({"email": who, "ended": ended})


def _tell(booth: Booth, out: Output, link: NewLink) -> None:
    out.one(link)
    out.talk("Hand the link over now: it works once, and is shown this once.")
    if booth.settings.issuer_url is None:
        out.talk(
            f"It assumes that the service is at {service_url(booth)}; "
            "if it is elsewhere, set TOKENBOOTH_ISSUER_URL."
        )
