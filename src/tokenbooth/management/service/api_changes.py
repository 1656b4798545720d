"""Change what an API says of itself: its audience, its scopes and who may grant it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tokenbooth.management.differences import differences
from tokenbooth.management.errors import BadInput, Conflict
from tokenbooth.management.names import check_text, shown
from tokenbooth.management.rights import require
from tokenbooth.management.service.apis import (
    ApiView,
    check_audience,
    find_api,
    is_management,
    read_scope,
    scope_names,
    view_api,
)
from tokenbooth.management.versions import refuse_outdated
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Api, ApiScope
from tokenbooth.server.stores.contract import AlreadyExists


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOfApi:
    """A client that has access to an API."""

    client_id: str
    name: str
    account: str | None
    enabled: bool
    scopes: tuple[str, ...]


async def change_api(
    booth: Booth,
    name: str,
    *,
    issuer: str = DEFAULT_ISSUER,
    audience: str | None = None,
    scopes: Sequence[ApiScope] | None = None,
    self_service: bool | None = None,
    version: str | None = None,
) -> ApiView:
    """Replace what is given, and leave the rest; raises Missing, BadInput, Conflict or Outdated.

    A scope that is gone is in no new token, whichever client was granted it.
    """
    require(booth, "apis:write", whole=True)
    api = await find_api(booth, name, issuer=issuer)
    if is_management(api):
        raise Conflict("The service looks after its own API by itself.")
    changed = api
    if audience is not None:
        check_audience(audience)
        changed = replace(changed, audience=audience)
    if scopes is not None:
        check_scopes(scopes)
        changed = replace(changed, scopes=tuple(scopes))
    if self_service is not None:
        changed = replace(changed, self_service=self_service)
    refuse_outdated(api, version)
    if changed != api:
        event = booth.event(
            "api_changed", issuer=issuer, subject=name, changes=differences(api, changed)
        )
        try:
            await booth.store.replace_api(changed, seen=api, audit=[event])
        except AlreadyExists as error:
            text = f"The audience {audience} belongs to another API of the issuer {issuer!r}."
            raise Conflict(text) from error
    return view_api(changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersOfApi:
    """Clients that have access, by id."""

    users: tuple[UserOfApi, ...]
    is_whole: bool  # else there are more


async def users_of_api(
    booth: Booth, name: str, *, issuer: str = DEFAULT_ISSUER, limit: int = 1000
) -> UsersOfApi:
    """Return the clients that have access: an account's people see their own alone."""
    require(booth, "clients:read")
    await find_api(booth, name, issuer=issuer)
    page = await booth.store.list_clients(
        issuer=issuer, account=booth.actor.account, api=name, limit=limit + 1
    )
    users = tuple(
        UserOfApi(
            client_id=each.client.client_id,
            name=each.client.name,
            account=each.client.account,
            enabled=each.client.enabled,
            scopes=access.scopes,
        )
        for each in page[:limit]
        for access in each.client.access
        if access.api == name
    )
    return UsersOfApi(users=users, is_whole=len(page) <= limit)


async def count_users(booth: Booth) -> Mapping[tuple[str, str], int]:
    """Return how many clients have access to each API, by issuer and name, if any has.

    An account's people see how many of theirs have.
    """
    require(booth, "clients:read")
    return await booth.store.count_users_of_apis(account=booth.actor.account)


def read_scopes(text: str) -> tuple[ApiScope, ...]:
    """Read scopes as people write them: one a line, its name and what it allows in words."""
    found = []
    for line in text.splitlines():
        name, _, description = line.strip().partition(" ")
        if name:
            found.append(ApiScope(name=name, description=description.strip()))
    check_scopes(found)
    return tuple(found)


def check_scopes(scopes: Sequence[ApiScope]) -> None:
    """Refuse scopes that cannot be granted, or that are there twice; raises BadInput."""
    if not scopes:
        raise BadInput("Name at least one scope.")
    names = [scope.name for scope in scopes]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"The scope {shown(name)} is there twice.")
    read_scope(" ".join(names))
    for scope in scopes:
        if not scope.name or " " in scope.name:
            raise BadInput(f"{shown(scope.name)} is no scope: a scope has no spaces.")
        check_text(f"description of the scope {scope.name}", scope.description)


def lost_scopes(api: Api, scopes: Sequence[ApiScope]) -> tuple[str, ...]:
    """Return the names that the API would lose."""
    kept = {scope.name for scope in scopes}
    return tuple(name for name in scope_names(api) if name not in kept)
