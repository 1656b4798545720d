"""Change which APIs and scopes a client may ask for."""

from dataclasses import replace

from tokenbooth.management.clients.clients import ClientView, view_client
from tokenbooth.management.clients.revise_client import revise_client
from tokenbooth.management.errors import Missing, no_such
from tokenbooth.management.service.apis import choose_scopes, find_api, read_scope
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ApiAccess, Client


async def grant(
    booth: Booth,
    client_id: str,
    *,
    api: str,
    scope: str | None = None,
    issuer: str | None = None,
    version: str | None = None,
) -> ClientView:
    """Let the client have exactly this scope of the API; None means all of its scopes.

    An account's people get self-service APIs alone; others are asked for by `access_requests`.
    """

    async def granted(client: Client) -> Client:
        found = await find_api(booth, api, issuer=client.issuer)
        (scopes,) = choose_scopes([found], None if scope is None else read_scope(scope))
        return with_access(client, ApiAccess(api=found.name, scopes=scopes))

    changed = await revise_client(
        booth,
        client_id,
        granted,
        issuer=issuer,
        version=version,
        event="access_granted",
        subject=api,
    )
    return view_client(booth, changed)


def with_access(client: Client, granted: ApiAccess) -> Client:
    """Return the client with exactly this access to the API."""
    # In its place, for the first is the client's default.
    access = tuple(granted if each.api == granted.api else each for each in client.access)
    if granted not in access:
        access = (*client.access, granted)
    return replace(client, access=access)


async def withdraw(
    booth: Booth,
    client_id: str,
    *,
    api: str,
    issuer: str | None = None,
    version: str | None = None,
) -> ClientView:
    """Take all access to the API away from the client."""

    async def withdrawn(client: Client) -> Client:
        names = [each.api for each in client.access]
        if api not in names:
            raise Missing(no_such("API", api, names, where=f" that {client_id!r} has access to"))
        return replace(client, access=tuple(each for each in client.access if each.api != api))

    changed = await revise_client(
        booth,
        client_id,
        withdrawn,
        issuer=issuer,
        version=version,
        event="access_withdrawn",
        subject=api,
    )
    return view_client(booth, changed)
