"""Members: who signs in to the console, with which role, and for which account.

Members of an account see and manage that account's people alone; others do not exist for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tokenbooth.management.accounts import find_account
from tokenbooth.management.errors import Conflict, Missing, NotAllowed, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_text, shown
from tokenbooth.management.rights import require
from tokenbooth.management.roles import check_role, require_over
from tokenbooth.management.versions import refuse_outdated
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member, Role
from tokenbooth.server.stores.contract import StillInUse, Together

_LONGEST_NAMED = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member as people see it."""

    id: str
    email: str
    name: str
    role: Role
    account: str | None
    enabled: bool
    has_password: bool
    has_second_factor: bool
    signs_in_elsewhere: bool  # by single sign-on
    created_at: datetime
    last_sign_in_at: datetime | None


def view_member(member: Member) -> MemberView:
    """Return what people see of a member."""
    return MemberView(
        id=member.id,
        email=member.email,
        name=member.name,
        role=member.role,
        account=member.account,
        enabled=member.enabled,
        has_password=member.password_hash is not None,
        has_second_factor=member.totp is not None,
        signs_in_elsewhere=member.identity is not None,
        created_at=moment(member.created_at),
        last_sign_in_at=moment(member.last_sign_in_at),
    )


async def list_members(booth: Booth, *, account: str | None = None) -> tuple[MemberView, ...]:
    """Return everybody, or the members of one account, by email."""
    require(booth, "members:read")
    if account is not None:
        await find_account(booth, account)
    found = await booth.store.list_members(account or booth.actor.account)
    return tuple(map(view_member, found))


async def show_member(booth: Booth, who: str) -> MemberView:
    """Return the member of that email or id; raises Missing."""
    return view_member(await find_member(booth, who))


async def find_member(booth: Booth, who: str) -> Member:
    """Return the member of that email or id as stored; raises Missing."""
    require(booth, "members:read")
    named = who.strip()
    found = None
    if named.isprintable() and len(named) <= _LONGEST_NAMED:
        if "@" in named:
            found = await booth.store.find_member(email=named.lower())
        else:
            found = await booth.store.get_member(named)
    own = booth.actor.account
    if found is None or (own is not None and found.account != own):
        if "@" not in named:
            raise Missing(f"There is no member {shown(who)}. Name a member by the email address.")
        known = await booth.store.list_members(own)
        raise Missing(no_such("member", shown(who).strip("'"), [each.email for each in known]))
    return found


async def change_member(
    booth: Booth,
    who: str,
    *,
    name: str | None = None,
    role: Role | None = None,
    account: str | None = None,
    version: str | None = None,
) -> MemberView:
    """Replace what is given; another role or account ends the member's sessions.

    A new operator leaves the account. Raises Missing, BadInput, NotAllowed, Conflict, Outdated.
    """
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    refuse_outdated(member, version)
    if name is not None:
        check_text("name", name)
    new_role = role or member.role
    new_account = account or (None if new_role == "operator" else member.account)
    changed = replace(
        member,
        name=member.name if name is None else name,
        role=new_role,
        account=new_account,
    )
    if changed == member:
        return view_member(member)
    is_moved = (new_role, new_account) != (member.role, member.account)
    if is_moved:
        _refuse_own(booth, member, "Nobody changes their own role. Ask another operator or owner.")
        require_over(booth, new_role, new_account)
        check_role(new_role, new_account)
        if new_account is not None:
            await find_account(booth, new_account)
    events = [_changed(booth, member, changed, account=member.account)]
    if new_account != member.account:
        # For both accounts to see: the one that loses the member, and the one that gets it.
        events.append(_changed(booth, member, changed, account=new_account))
    await _replace(booth, changed, seen=member, ending_sessions=is_moved, audit=events)
    return view_member(changed)


async def change_own_name(booth: Booth, member: Member, name: str) -> MemberView:
    """Let the acting member be called so."""
    check_text("name", name)
    changed = replace(member, name=name)
    if changed != member:
        event = _changed(booth, member, changed, account=member.account)
        await _replace(booth, changed, seen=member, ending_sessions=False, audit=[event])
    return view_member(changed)


async def enable_member(booth: Booth, who: str, *, version: str | None = None) -> MemberView:
    """Let a disabled member sign in again."""
    return await _set_enabled(booth, who, enabled=True, version=version)


async def disable_member(booth: Booth, who: str, *, version: str | None = None) -> MemberView:
    """Let the member sign in no more, and end its sessions; not the last operator."""
    return await _set_enabled(booth, who, enabled=False, version=version)


async def remove_member(booth: Booth, who: str, *, version: str | None = None) -> None:
    """Delete the member with its sessions and open links; what it made stays."""
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    refuse_outdated(member, version)
    _refuse_own(booth, member, "Nobody removes themselves. Ask another operator or owner.")
    event = booth.event(
        "member_removed", account=member.account, subject=member.email, role=member.role
    )
    together = booth.store.together()
    await _drop_links(booth, together, member)
    await together.delete_member(member.id, audit=[event])
    try:
        await together.commit()
    except StillInUse as error:
        raise Conflict(str(error)) from error


async def end_member_sessions(booth: Booth, who: str) -> int:
    """Sign the member out everywhere; returns from how many browsers."""
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    event = booth.event("signed_out", account=member.account, subject=member.email, ended="all")
    return await booth.store.delete_sessions(member.id, audit=[event])


async def remove_second_factor_of(booth: Booth, who: str) -> MemberView:
    """Let a member who lost phone and recovery codes sign in without a code, to add another app."""
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    _refuse_own(booth, member, "Remove your own second factor on the page of your account.")
    changed = replace(member, totp=None, recovery_codes=())
    if changed != member:
        event = booth.event("second_factor_removed", account=member.account, subject=member.email)
        await _replace(booth, changed, seen=member, ending_sessions=True, audit=[event])
    return view_member(changed)


async def _set_enabled(booth: Booth, who: str, *, enabled: bool, version: str | None) -> MemberView:
    require(booth, "members:write")
    member = await find_member(booth, who)
    require_over(booth, member.role, member.account)
    refuse_outdated(member, version)
    if not enabled:
        _refuse_own(booth, member, "Nobody disables themselves. Ask another operator or owner.")
    changed = replace(member, enabled=enabled)
    if changed != member:
        event = _changed(booth, member, changed, account=member.account)
        await _replace(booth, changed, seen=member, ending_sessions=not enabled, audit=[event])
    return view_member(changed)


async def _drop_links(booth: Booth, store: Together, member: Member) -> None:
    """Delete links to new passwords: they must not open the door to who gets the email next."""
    for each in await booth.store.list_invitations(member.account):
        if each.email == member.email and each.kind == "password_reset":
            await store.delete_invitation(each.digest)


async def _replace(
    booth: Booth, member: Member, *, seen: Member, ending_sessions: bool, audit: Sequence[Event]
) -> None:
    try:
        await booth.store.replace_member(
            member, seen=seen, ending_sessions=ending_sessions, audit=audit
        )
    except StillInUse as error:
        raise Conflict(str(error)) from error


def _refuse_own(booth: Booth, member: Member, text: str) -> None:
    if booth.actor.kind == "member" and booth.actor.name == member.email:
        raise NotAllowed(text)


def _changed(booth: Booth, before: Member, after: Member, *, account: str | None) -> Event:
    names = ("name", "role", "account", "enabled")
    changes = {
        name: [getattr(before, name), getattr(after, name)]
        for name in names
        if getattr(before, name) != getattr(after, name)
    }
    return booth.event("member_changed", account=account, subject=before.email, changes=changes)
