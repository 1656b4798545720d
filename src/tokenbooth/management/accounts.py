"""Make and list accounts: the customers that own clients."""

from dataclasses import dataclass
from datetime import datetime

from tokenbooth.management.errors import Conflict, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_account_name, check_text
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account as people see it."""

    name: str
    title: str
    created_at: datetime


def view_account(account: Account) -> AccountView:
    """Return what people see of `account`."""
    return AccountView(
        name=account.name, title=account.title, created_at=moment(account.created_at)
    )


async def create_account(booth: Booth, *, name: str, title: str = "") -> AccountView:
    """Make an account."""
    check_account_name(name)
    check_text("title", title)
    if any(account.name == name for account in await booth.store.list_accounts()):
        raise Conflict(f"There is an account {name!r} already.")
    # Both appear as a token's subject: one must never pass for the other.
    if await booth.store.find_clients(name):
        raise Conflict(f"A client has the id {name!r}; give the account another name.")
    account = Account(name=name, title=title, created_at=booth.clock.now())
    await booth.store.add_account(account)
    return view_account(account)


async def list_accounts(booth: Booth) -> tuple[AccountView, ...]:
    """Return all accounts by name."""
    return tuple(view_account(account) for account in await booth.store.list_accounts())


async def find_account(booth: Booth, name: str) -> Account:
    """Return the account of that name; raises Missing."""
    accounts = await booth.store.list_accounts()
    for account in accounts:
        if account.name == name:
            return account
    raise Missing(no_such("account", name, [account.name for account in accounts]))
