"""Find the one client that a person means."""

from tokenbooth.management.errors import Ambiguous, Missing, no_such
from tokenbooth.management.names import shown
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import RegisteredClient

_LOOKED_AT = 500  # how many ids are compared to guess which was meant


async def find_client(
    booth: Booth, client_id: str, *, issuer: str | None = None
) -> RegisteredClient:
    """Return the client of that id; raises Missing, or Ambiguous when several issuers have it."""
    if not client_id.isprintable() or len(client_id) > 128:
        raise Missing(f"There is no client {shown(client_id)}.")
    if issuer is not None:
        await find_issuer(booth, issuer)
        one = await booth.store.get_client(issuer, client_id)
        found = [] if one is None else [one]
    else:
        found = list(await booth.store.find_clients(client_id))
    account = booth.actor.account
    if account is not None:
        # What belongs to others is not there at all: not even its name is told.
        found = [each for each in found if each.client.account == account]
    if len(found) > 1:
        raise Ambiguous(client_id, tuple(each.client.issuer for each in found))
    if not found:
        some = await booth.store.list_clients(issuer=issuer, account=account, limit=_LOOKED_AT)
        where = "" if issuer is None else f" at the issuer {issuer!r}"
        names = sorted({each.client.client_id for each in some})
        raise Missing(no_such("client", client_id, names, where=where))
    return found[0]
