"""Find clients: by a text, an environment, an account, and by whether they are enabled."""

from dataclasses import dataclass

from tokenbooth.management.clients.bounds import own_account
from tokenbooth.management.clients.clients import ClientView, view_client
from tokenbooth.management.names import check_text
from tokenbooth.management.people.accounts import find_account
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server.bootstrap import Booth


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClients:
    """One page of what was found, and what to go on from if there is more."""

    clients: tuple[ClientView, ...]
    next: tuple[str, str] | None  # an issuer and a client id


async def search_clients(
    booth: Booth,
    *,
    text: str = "",
    issuer: str | None = None,
    account: str | None = None,
    enabled: bool | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> FoundClients:
    """Return up to `limit` clients with the text in their id, name or description.

    They come by issuer and id, starting behind the pair `after`.
    """
    require(booth, "clients:read")
    check_text("text to search for", text)
    if issuer is not None:
        await find_issuer(booth, issuer)
    account = own_account(booth, account)
    if account is not None:
        await find_account(booth, account)
    page = await booth.store.list_clients(
        issuer=issuer,
        account=account,
        enabled=enabled,
        text=text or None,
        after=after,
        limit=limit + 1,
    )
    shown, last = page[:limit], None
    if len(page) > limit:
        last = (shown[-1].client.issuer, shown[-1].client.client_id)
    return FoundClients(clients=tuple(view_client(booth, each) for each in shown), next=last)
