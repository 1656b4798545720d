"""Accounts: the customers that own clients. Members of an account see their own account alone."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from tokenbooth.management.errors import Conflict, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_account_name, check_text
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Account
from tokenbooth.server.stores.contract import AlreadyExists, StillInUse


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account as people see it."""

    name: str
    title: str
    created_at: datetime
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetails:
    """An account, and how much is its own."""

    name: str
    title: str
    created_at: datetime
    version: str
    clients: int
    members: int


def view_account(account: Account) -> AccountView:
    """Return what people see of `account`."""
    return AccountView(
        name=account.name,
        title=account.title,
        created_at=moment(account.created_at),
        version=version_of(account),
    )


async def create_account(booth: Booth, *, name: str, title: str = "") -> AccountView:
    """Make an account."""
    require(booth, "accounts:write", whole=True)
    check_account_name(name)
    check_text("title", title)
    # Both appear as a token's subject: one must never pass for the other.
    if await booth.store.find_clients(name):
        raise Conflict(f"A client has the id {name!r}; give the account another name.")
    account = Account(name=name, title=title, created_at=booth.clock.now())
    event = booth.event("account_created", account=name, subject=name, title=title)
    try:
        await booth.store.add_account(account, audit=[event])
    except AlreadyExists as error:
        raise Conflict(str(error)) from error
    return view_account(account)


async def list_accounts(booth: Booth) -> tuple[AccountView, ...]:
    """Return all accounts by name; to members of an account, their own."""
    require(booth, "accounts:read")
    return tuple(map(view_account, await _visible(booth)))


async def show_account(booth: Booth, name: str) -> AccountDetails:
    """Return the account of that name; raises Missing."""
    require(booth, "accounts:read")
    return await _details(booth, await find_account(booth, name))


async def search_accounts(
    booth: Booth, *, text: str = "", after: str = "", limit: int
) -> tuple[AccountDetails, ...]:
    """Return up to `limit` accounts with the text in their name or title, behind that name."""
    require(booth, "accounts:read")
    folded = text.casefold()
    found = (
        each
        for each in await _visible(booth)
        if each.name > after and (folded in each.name or folded in each.title.casefold())
    )
    return tuple([await _details(booth, each) for each in islice(found, limit)])


async def change_account(
    booth: Booth, name: str, *, title: str, version: str | None = None
) -> AccountView:
    """Give the account another title; raises Missing, BadInput, Outdated."""
    require(booth, "accounts:write", whole=True)
    check_text("title", title)

    async def attempt() -> Account:
        account = await find_account(booth, name)
        refuse_outdated(account, version)
        changed = replace(account, title=title)
        if changed != account:
            event = booth.event(
                "account_changed",
                account=name,
                subject=name,
                changes={"title": [account.title, title]},
            )
            await booth.store.replace_account(changed, seen=account, audit=[event])
        return changed

    return view_account(await revise(attempt))


async def delete_account(booth: Booth, name: str, *, version: str | None = None) -> None:
    """Delete an account that has nothing left but invitations; raises Missing, Conflict."""
    require(booth, "accounts:write", whole=True)
    account = await find_account(booth, name)
    refuse_outdated(account, version)
    event = booth.event("account_deleted", account=name, subject=name)
    try:
        await booth.store.delete_account(name, audit=[event])
    except StillInUse as error:
        raise Conflict(await _what_is_left(booth, name)) from error


async def find_account(booth: Booth, name: str) -> Account:
    """Return the account of that name; raises Missing."""
    # What belongs to others is not there at all: not even its name is told.
    if booth.actor.account in (None, name) and name.isprintable():
        account = await booth.store.get_account(name)
        if account is not None:
            return account
    raise Missing(no_such("account", name, [each.name for each in await _visible(booth)]))


async def _visible(booth: Booth) -> tuple[Account, ...]:
    own = booth.actor.account
    if own is None:
        return await booth.store.list_accounts()
    account = await booth.store.get_account(own)
    return () if account is None else (account,)


async def _details(booth: Booth, account: Account) -> AccountDetails:
    clients, members = await booth.store.count_of_account(account.name)
    return AccountDetails(
        name=account.name,
        title=account.title,
        created_at=moment(account.created_at),
        version=version_of(account),
        clients=clients,
        members=members,
    )


async def _what_is_left(booth: Booth, name: str) -> str:
    clients, members = await booth.store.count_of_account(name)
    left = [_counted(clients, "client"), _counted(members, "member")]
    return (
        f"The account {name!r} still has {' and '.join(filter(None, left))}. "
        "Delete or move them first."
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""
