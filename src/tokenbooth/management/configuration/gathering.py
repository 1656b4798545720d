"""Read from the store what a plan has to know."""

from collections.abc import Iterable

from tokenbooth.management.configuration.wanted import Name, State
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import RegisteredClient

_PAGE = 500


async def gather(
    booth: Booth,
    *,
    clients: Iterable[Name] = (),
    all_of: Iterable[str] = (),
    new_accounts: Iterable[str] = (),
) -> State:
    """Return all issuers, APIs and accounts, and those clients, or all of some issuers."""
    store = booth.store
    issuers = {issuer.name: issuer for issuer in await store.list_issuers()}
    apis = {(api.issuer, api.name): api for api in await store.list_apis()}
    accounts = {account.name: account for account in await store.list_accounts()}
    found: dict[Name, RegisteredClient] = {}
    whole = set(all_of)
    for issuer in sorted(whole):
        found |= await _all_clients(booth, issuer)
    for issuer, client_id in clients:
        if issuer not in whole:
            registered = await store.get_client(issuer, client_id)
            if registered is not None:
                found[issuer, client_id] = registered
    taken = {
        name for name in new_accounts if name not in accounts and await store.find_clients(name)
    }
    return State(
        accounts=accounts, issuers=issuers, apis=apis, clients=found, taken=frozenset(taken)
    )


async def _all_clients(booth: Booth, issuer: str) -> dict[Name, RegisteredClient]:
    found: dict[Name, RegisteredClient] = {}
    after: tuple[str, str] | None = None
    while True:
        page = await booth.store.list_clients(issuer=issuer, after=after, limit=_PAGE)
        found |= {(each.client.issuer, each.client.client_id): each for each in page}
        if len(page) < _PAGE:
            return found
        after = (page[-1].client.issuer, page[-1].client.client_id)


def only_of(state: State, issuer: str) -> State:
    """Return what one issuer has, with the accounts that own its clients."""
    owners = {registered.client.account for registered in state.clients.values()}
    return State(
        accounts={name: each for name, each in state.accounts.items() if name in owners},
        issuers={issuer: state.issuers[issuer]},
        apis={pair: api for pair, api in state.apis.items() if api.issuer == issuer},
        clients=state.clients,
    )
