"""New passwords: by the old one, or by a one-time link that an operator or owner hands over."""

from dataclasses import replace

from tokenbooth.management.errors import BadInput, Conflict
from tokenbooth.management.people.links import (
    NewLink,
    link_is_dead,
    new_invitation,
    open_invitation,
)
from tokenbooth.management.people.members import find_member
from tokenbooth.management.people.passwords import check_password, hash_password
from tokenbooth.management.people.roles import require_over
from tokenbooth.management.people.sessions import SignedIn, Visitor, acting_as, open_session
from tokenbooth.management.people.sign_in import CodeNeeded, after_first_factor, check_own_password
from tokenbooth.management.rights import require
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member
from tokenbooth.server.stores.contract import NotFound

RESET_LIFETIME = 86_400.0


async def reset_link(booth: Booth, who: str) -> NewLink:
    """Return a link to choose a new password by, within a day; older ones lead nowhere.

    The old password stays until then, and a second factor stays anyway.
    """
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    if not member.enabled:
        raise Conflict(f"{member.email} is disabled. Enable the member first.")
    made = new_invitation(
        booth,
        kind="password_reset",
        email=member.email,
        role=member.role,
        account=member.account,
        lifetime=RESET_LIFETIME,
    )
    event = booth.event("password_reset_sent", account=member.account, subject=member.email)
    together = booth.store.together()
    for each in await booth.store.list_invitations():
        if each.email == member.email and each.kind == "password_reset":
            await together.delete_invitation(each.digest)
    await together.add_invitation(made.stored, audit=[event])
    await together.commit()
    return made.told(booth)


async def choose_password(
    booth: Booth, *, unverified_code: str, password: Secret, visitor: Visitor
) -> SignedIn | CodeNeeded:
    """Set the password of whose link it is, end all sessions, and sign in.

    Raises Missing, BadInput, TooManyAttempts, Stale.
    """
    invitation = await open_invitation(booth, unverified_code)
    member = await booth.store.find_member(email=invitation.email)
    if invitation.kind != "password_reset" or member is None or not member.enabled:
        raise link_is_dead()
    if (invitation.role, invitation.account) != (member.role, member.account):
        # Whoever made the link had power over what the member was then, not over this.
        raise link_is_dead()
    changed = await _with_password(member, password)
    event = acting_as(booth, member, visitor).event(
        "password_changed", account=member.account, subject=member.email, how="reset link"
    )
    try:
        await booth.store.replace_member(
            changed,
            seen=member,
            invitation=invitation.digest,
            ending_sessions=True,
            audit=[event],
        )
    except NotFound as error:
        raise link_is_dead() from error
    return await after_first_factor(booth, changed, visitor, how="reset link")


async def change_password(
    booth: Booth, member: Member, *, current: Secret, new: Secret, visitor: Visitor
) -> SignedIn:
    """Set the member's own password, end all sessions, and begin a new one in this browser.

    Raises SignInRefused for a wrong current password, BadInput, TooManyAttempts, Stale.
    """
    if member.password_hash is None:
        raise Conflict("You sign in elsewhere, without a password here.")
    await check_own_password(booth, member, current, visitor)
    if new == current:
        raise BadInput("This is the password that you have. Choose another one.")
    changed = await _with_password(member, new)
    event = booth.event(
        "password_changed", account=member.account, subject=member.email, how="old password"
    )
    await booth.store.replace_member(changed, seen=member, ending_sessions=True, audit=[event])
    return await open_session(
        booth, changed, visitor, how="new password", second_factor=member.totp is not None
    )


async def _with_password(member: Member, password: Secret) -> Member:
    check_password(password, email=member.email, name=member.name)
    return replace(member, password_hash=await hash_password(password))
