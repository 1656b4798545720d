"""The management API as an API of the service itself: its audience and its scopes."""

import contextlib
from dataclasses import replace

from tokenbooth.management.clients.bounds import management_scopes
from tokenbooth.management.errors import Conflict
from tokenbooth.management.rights import MANAGEMENT_API, RIGHTS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Api, ApiScope, Client
from tokenbooth.server.stores.contract import AlreadyExists, Stale

NAME = MANAGEMENT_API
PATH = "/api/v1"
SCOPES = RIGHTS


def audience_at(base_url: str) -> str:
    """Return the audience of the management API of the service at `base_url`."""
    return base_url + PATH


async def ensure_management_api(booth: Booth, base_url: str) -> None:
    """Make the API if it is missing, and have it follow the service's address.

    Raises Conflict when its name or its audience belongs to another API.
    """
    audience = audience_at(base_url)
    found: Api | None = None
    for api in await booth.store.list_apis(DEFAULT_ISSUER):
        if api.name == NAME:
            found = api
        elif api.audience == audience:
            raise Conflict(
                f"The audience {audience} belongs to the API {api.name!r}, and the management API "
                "needs it: delete that API."
            )
    if found is None:
        with contextlib.suppress(AlreadyExists):  # another process was faster
            await booth.store.add_api(_management_api(audience, booth.clock.now()))
        return
    if not found.audience.endswith(PATH):
        raise Conflict(
            f"The name {NAME!r} is taken by an API with the audience {found.audience}, so the "
            "management API answers nobody: delete that API, or give it another name."
        )
    wanted = _management_api(audience, found.created_at)
    if found != replace(wanted, policy=found.policy):
        with contextlib.suppress(Stale):  # another process was faster
            await booth.store.replace_api(replace(wanted, policy=found.policy), seen=found)


def rights_of(client: Client) -> tuple[str, ...]:
    """Return the scopes of the management API that a client may ask for."""
    return tuple(name for name in SCOPES if name in management_scopes(client))


def _management_api(audience: str, created_at: float) -> Api:
    return Api(
        issuer=DEFAULT_ISSUER,
        name=NAME,
        audience=audience,
        scopes=tuple(ApiScope(name=name, description=text) for name, text in SCOPES.items()),
        created_at=created_at,
    )
