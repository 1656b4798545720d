"""Change which APIs and scopes a client may ask for, in which ways, how often and from where."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenbooth.management.apis import choose_scopes, find_api, read_scope
from tokenbooth.management.clients import ClientView, view_client
from tokenbooth.management.errors import Missing, no_such
from tokenbooth.management.limits import Limits
from tokenbooth.management.lookup import find_client
from tokenbooth.management.requests import check_policy
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ApiAccess, RegisteredClient


async def grant(
    booth: Booth, client_id: str, *, api: str, scope: str | None = None, issuer: str | None = None
) -> ClientView:
    """Let the client have exactly this scope of the API; None means all of its scopes."""
    registered = await find_client(booth, client_id, issuer=issuer)
    found = await find_api(booth, api, issuer=registered.client.issuer)
    (scopes,) = choose_scopes([found], None if scope is None else read_scope(scope))
    granted = ApiAccess(api=found.name, scopes=scopes)
    before = registered.client.access
    # In its place, for the first is the client's default.
    access = tuple(granted if each.api == found.name else each for each in before)
    if granted not in access:
        access = (*before, granted)
    return await _with_access(booth, registered, access)


async def withdraw(
    booth: Booth, client_id: str, *, api: str, issuer: str | None = None
) -> ClientView:
    """Take all access to the API away from the client."""
    registered = await find_client(booth, client_id, issuer=issuer)
    before = registered.client.access
    names = [each.api for each in before]
    if api not in names:
        raise Missing(no_such("API", api, names, where=f" that {client_id!r} has access to"))
    return await _with_access(booth, registered, tuple(each for each in before if each.api != api))


async def _with_access(
    booth: Booth, registered: RegisteredClient, access: tuple[ApiAccess, ...]
) -> ClientView:
    changed = registered.client
    if access != changed.access:
        changed = replace(changed, access=access, updated_at=booth.clock.now())
        await booth.store.replace_client(changed)
    return view_client(booth, replace(registered, client=changed))


async def change_requests(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    grants: tuple[str, ...] | None = None,
    exchanges: tuple[str, ...] | None = None,
    claims: Mapping[str, Any] | None = None,
    authorization_details: tuple[str, ...] | None = None,
) -> ClientView:
    """Replace what is given, and leave the rest; raises Missing, Ambiguous or BadInput."""
    registered = await find_client(booth, client_id, issuer=issuer)
    client = registered.client
    given = {
        "exchanges": exchanges,
        "claims": claims,
        "authorization_details": authorization_details,
    }
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    policy = replace(client.policy, **said)
    await check_policy(booth, policy, issuer=client.issuer)
    changed = replace(
        client,
        grant_types=client.grant_types if grants is None else grants,
        policy=policy,
        updated_at=booth.clock.now(),
    )
    await booth.store.replace_client(changed)
    return view_client(booth, replace(registered, client=changed))


async def change_limits(
    booth: Booth, client_id: str, limits: Limits, *, issuer: str | None = None
) -> ClientView:
    """Replace the limits that are given, and leave the rest."""
    registered = await find_client(booth, client_id, issuer=issuer)
    client = registered.client
    policy = limits.added_to(client.policy)
    if policy != client.policy:
        client = replace(client, policy=policy, updated_at=booth.clock.now())
        await booth.store.replace_client(client)
    return view_client(booth, replace(registered, client=client))
