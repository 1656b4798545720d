"""Invitations: one-time links by which people become members, the first operator among them."""

import contextlib
import secrets

from tokenbooth.management.errors import Conflict, Missing
from tokenbooth.management.names import check_text
from tokenbooth.management.people.accounts import find_account
from tokenbooth.management.people.emails import read_email
from tokenbooth.management.people.links import (
    InvitationView,
    NewInvitation,
    NewLink,
    invitation_id,
    link_is_dead,
    new_invitation,
    open_invitation,
    view_invitation,
)
from tokenbooth.management.people.passwords import check_password, hash_password
from tokenbooth.management.people.roles import check_role, require_over
from tokenbooth.management.people.sessions import SignedIn, Visitor, acting_as, open_session
from tokenbooth.management.rights import require
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Invitation, Member, Role
from tokenbooth.server.stores.contract import AlreadyExists, NotFound

LIFETIME = 7 * 86_400.0
FIRST_LIFETIME = 86_400.0
_ID_BYTES = 8


async def invite(booth: Booth, *, email: str, role: Role, account: str | None = None) -> NewLink:
    """Return a link for that person to join by; raises BadInput, Conflict, Missing, NotAllowed."""
    require(booth, "members:write")
    address = read_email(email)
    # Before anything is looked up: what is somebody else's is not told.
    require_over(booth, role, account)
    check_role(role, account)
    if account is not None:
        await find_account(booth, account)
    own = booth.actor.account
    member = await booth.store.find_member(email=address)
    if member is not None and own in (None, member.account):
        raise Conflict(f"{address} is a member already.")
    outdated = []
    for each in await booth.store.list_invitations(own):
        if each.email == address and each.kind == "invitation":
            if booth.clock.now() < each.expires_at:
                raise Conflict(
                    f"{address} is invited already. Make a new link for the invitation "
                    f"{invitation_id(each)}, or withdraw it first."
                )
            outdated.append(each)
    made = new_invitation(
        booth, kind="invitation", email=address, role=role, account=account, lifetime=LIFETIME
    )
    return await _exchange(booth, outdated, made)


async def list_invitations(
    booth: Booth, *, account: str | None = None
) -> tuple[InvitationView, ...]:
    """Return open links, to join and for new passwords, oldest first."""
    require(booth, "members:read")
    if account is not None:
        await find_account(booth, account)
    found = await booth.store.list_invitations(account or booth.actor.account)
    return tuple(view_invitation(booth, each) for each in found)


async def renew_invitation(booth: Booth, invitation_id_: str) -> NewLink:
    """Return a new link in the place of the old one, which leads nowhere from now on."""
    require(booth, "members:write")
    old = await _find(booth, invitation_id_)
    require_over(booth, old.role, old.account)
    if old.kind != "invitation" or not old.email:
        raise Conflict("This is no invitation of a person. Make another link of its kind instead.")
    made = new_invitation(
        booth,
        kind="invitation",
        email=old.email,
        role=old.role,
        account=old.account,
        lifetime=LIFETIME,
    )
    return await _exchange(booth, [old], made)


async def withdraw_invitation(booth: Booth, invitation_id_: str) -> None:
    """End a link before it is used; raises Missing."""
    require(booth, "members:write")
    old = await _find(booth, invitation_id_)
    require_over(booth, old.role, old.account)
    event = booth.event(
        "invitation_withdrawn", account=old.account, subject=old.email, kind=old.kind
    )
    await booth.store.delete_invitation(old.digest, audit=[event])


async def look_at_invitation(booth: Booth, unverified_code: str) -> InvitationView:
    """Return what a link is for, to whoever has it; raises Missing."""
    return view_invitation(booth, await _open(booth, unverified_code))


async def join(
    booth: Booth,
    *,
    unverified_code: str,
    password: Secret,
    visitor: Visitor,
    name: str = "",
    email: str | None = None,
) -> SignedIn:
    """Make whoever follows the link a member, and sign in; of two who follow it one gets in.

    `email` is needed where the link names none. Raises BadInput, Missing, Conflict,
    TooManyAttempts.
    """
    invitation = await _open(booth, unverified_code)
    if invitation.kind != "invitation":
        raise link_is_dead()
    address = invitation.email or read_email(email or "")
    check_text("name", name)
    check_password(password, email=address, name=name)
    member = Member(
        id=secrets.token_hex(_ID_BYTES),
        email=address,
        name=name,
        role=invitation.role,
        account=invitation.account,
        password_hash=await hash_password(password),
        created_at=booth.clock.now(),
    )
    await add_invited(booth, member, invitation, visitor, how="password")
    return await open_session(booth, member, visitor, how="invitation")


async def add_invited(
    booth: Booth, member: Member, invitation: Invitation, visitor: Visitor, *, how: str
) -> None:
    """Store the member and use the invitation up, at once; raises Missing, Conflict."""
    event = acting_as(booth, member, visitor).event(
        "member_joined",
        account=member.account,
        subject=member.email,
        role=member.role,
        how=how,
        invited_by=invitation.invited_by,
    )
    try:
        await booth.store.add_member(member, invitation=invitation.digest, audit=[event])
    except NotFound as error:
        raise link_is_dead() from error
    except AlreadyExists as error:
        raise Conflict("You are a member already. Sign in instead.") from error


async def invitation_of(booth: Booth, email: str) -> Invitation | None:
    """Return the living invitation of that person, the oldest if there are several."""
    for each in await booth.store.list_invitations():
        is_for = each.email == email and each.kind == "invitation"
        if is_for and booth.clock.now() < each.expires_at:
            return each
    return None


async def first_operator_link(booth: Booth) -> NewLink | None:
    """Return a link by which somebody becomes the first operator; None when there is one.

    Links that it returned before lead nowhere from now on.
    """
    if await _has_operator(booth):
        return None
    for each in await booth.store.list_invitations():
        if not each.email:
            with contextlib.suppress(NotFound):  # another process that starts was faster
                await booth.store.delete_invitation(each.digest)
    made = new_invitation(
        booth, kind="invitation", email="", role="operator", account=None, lifetime=FIRST_LIFETIME
    )
    return await _exchange(booth, [], made)


async def _open(booth: Booth, unverified_code: str) -> Invitation:
    invitation = await open_invitation(booth, unverified_code)
    # The link of the first start may lie in a log: with an operator it is worth nothing.
    if not invitation.email and await _has_operator(booth):
        raise link_is_dead()
    return invitation


async def _has_operator(booth: Booth) -> bool:
    return any(each.role == "operator" for each in await booth.store.list_members())


async def _find(booth: Booth, invitation_id_: str) -> Invitation:
    for each in await booth.store.list_invitations(booth.actor.account):
        if invitation_id(each) == invitation_id_:
            return each
    raise Missing("There is no such invitation: it was used, or withdrawn.")


async def _exchange(booth: Booth, old: list[Invitation], made: NewInvitation) -> NewLink:
    stored = made.stored
    event = booth.event(
        "member_invited",
        account=stored.account,
        subject=stored.email or None,
        role=stored.role,
        is_renewed=bool(old),
    )
    together = booth.store.together()
    for each in old:
        await together.delete_invitation(each.digest)
    await together.add_invitation(stored, audit=[event])
    try:
        await together.commit()
    except NotFound as error:
        raise Missing("The invitation was used or withdrawn meanwhile.") from error
    return made.told(booth)
