"""Members: who signs in to the console, with which role, and for which account.

Members of an account see and manage that account's people alone; others do not exist for them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from tokenbooth.management.errors import Conflict, Missing, NotAllowed, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_text, shown
from tokenbooth.management.people.accounts import find_account
from tokenbooth.management.people.roles import check_role, require_over
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member, Role
from tokenbooth.server.stores.contract import StillInUse, Together

_LONGEST_NAMED = 254
_NOT_ONESELF = "Nobody disables themselves. Ask another operator or owner."


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
    version: str


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
        version=version_of(member),
    )


async def list_members(booth: Booth, *, account: str | None = None) -> tuple[MemberView, ...]:
    """Return everybody, or the members of one account, by email."""
    require(booth, "members:read")
    if account is not None:
        await find_account(booth, account)
    found = await booth.store.list_members(account or booth.actor.account)
    return tuple(map(view_member, found))


async def search_members(
    booth: Booth, *, text: str = "", account: str | None = None, after: str = "", limit: int
) -> tuple[MemberView, ...]:
    """Return up to `limit` members with the text in their email or name, behind that email."""
    require(booth, "members:read")
    if account is not None:
        await find_account(booth, account)
    folded = text.casefold()
    found = (
        each
        for each in await booth.store.list_members(account or booth.actor.account)
        if each.email > after and (folded in each.email or folded in each.name.casefold())
    )
    return tuple(map(view_member, islice(found, limit)))


async def show_member(booth: Booth, who: str) -> MemberView:
    """Return the member of that email or id; raises Missing."""
    require(booth, "members:read")
    return view_member(await find_member(booth, who))


async def find_member(booth: Booth, who: str) -> Member:
    """Return the member of that email or id as stored; raises Missing."""
    if not booth.actor.may("members:write"):  # whoever changes members may find them
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
    enabled: bool | None = None,
    version: str | None = None,
) -> MemberView:
    """Replace what is given; all but another name ends the member's sessions.

    A new operator leaves the account. Raises Missing, BadInput, NotAllowed, Conflict, Outdated.
    """
    if name is not None:
        check_text("name", name)

    async def change(member: Member) -> Member:
        new_role = role or member.role
        new_account = account or (None if new_role == "operator" else member.account)
        if (new_role, new_account) != (member.role, member.account):
            _refuse_own(
                booth, member, "Nobody changes their own role. Ask another operator or owner."
            )
            require_over(booth, new_role, new_account)
            check_role(new_role, new_account)
            if new_account is not None:
                await find_account(booth, new_account)
        if enabled is False:
            _refuse_own(booth, member, _NOT_ONESELF)
        return replace(
            member,
            name=member.name if name is None else name,
            role=new_role,
            account=new_account,
            enabled=member.enabled if enabled is None else enabled,
        )

    return await _revise(booth, who, change, version=version)


async def change_own_name(booth: Booth, member: Member, name: str) -> MemberView:
    """Let the acting member be called so; raises BadInput, Stale."""
    check_text("name", name)
    changed = replace(member, name=name)
    if changed != member:
        await booth.store.replace_member(
            changed, seen=member, audit=_changes(booth, member, changed)
        )
    return view_member(changed)


async def enable_member(booth: Booth, who: str, *, version: str | None = None) -> MemberView:
    """Let a disabled member sign in again."""
    return await change_member(booth, who, enabled=True, version=version)


async def disable_member(booth: Booth, who: str, *, version: str | None = None) -> MemberView:
    """Let the member sign in no more, and end its sessions; not the last operator."""
    return await change_member(booth, who, enabled=False, version=version)


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

    async def remove(member: Member) -> Member:
        _refuse_own(booth, member, "Remove your own second factor on the page of your account.")
        return replace(member, totp=None, recovery_codes=())

    return await _revise(booth, who, remove)


async def _revise(
    booth: Booth,
    who: str,
    change: Callable[[Member], Awaitable[Member]],
    *,
    version: str | None = None,
) -> MemberView:
    """Make the member what `change` makes of it; whatever it may do less of ends its sessions."""
    require(booth, "members:write")

    async def attempt() -> Member:
        member = await find_member(booth, who)
        require_over(booth, member.role, member.account)
        refuse_outdated(member, version)
        changed = await change(member)
        if changed != member:
            await booth.store.replace_member(
                changed,
                seen=member,
                ending_sessions=changed != replace(member, name=changed.name),
                audit=_changes(booth, member, changed),
            )
        return changed

    try:
        return view_member(await revise(attempt))
    except StillInUse as error:
        raise Conflict(str(error)) from error


async def _drop_links(booth: Booth, store: Together, member: Member) -> None:
    """Delete links to new passwords: they must not open the door to who gets the email next."""
    for each in await booth.store.list_invitations():
        if each.email == member.email and each.kind == "password_reset":
            await store.delete_invitation(each.digest)


def _refuse_own(booth: Booth, member: Member, text: str) -> None:
    if booth.actor.kind == "member" and booth.actor.name == member.email:
        raise NotAllowed(text)


def _changes(booth: Booth, before: Member, after: Member) -> list[Event]:
    if before.totp is not None and after.totp is None:
        return [booth.event("second_factor_removed", account=before.account, subject=before.email)]
    changes = {
        name: [getattr(before, name), getattr(after, name)]
        for name in ("name", "role", "enabled")
        if getattr(before, name) != getattr(after, name)
    }
    if before.account == after.account:
        return [_changed(booth, before, before.account, changes)]
    # One is left and one is joined, and neither is told the name of the other.
    return [
        _changed(booth, before, before.account, {**changes, "account": [before.account, None]}),
        _changed(booth, before, after.account, {**changes, "account": [None, after.account]}),
    ]


def _changed(
    booth: Booth, member: Member, account: str | None, changes: dict[str, list[Any]]
) -> Event:
    return booth.event("member_changed", account=account, subject=member.email, changes=changes)
