"""What an account may say about its own clients by itself; the rest is for operators to say.

An account names and describes its clients, gives them credentials, says from where and in which way
they call, lets them have self-service APIs, and stops them. It never widens what they may do: other
APIs are asked for, and how tokens look and what they carry is the operators'.
"""

from tokenbooth.management.differences import differences
from tokenbooth.management.errors import Missing, NotAllowed
from tokenbooth.management.rights import MANAGEMENT_API
from tokenbooth.management.service.apis import is_management
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, REFRESH_TOKEN
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Api, Client

ACCOUNT_MAY_SET = frozenset(
    {
        "name",
        "description",
        "auth_methods",
        "dpop_bound",
        "dpop_nonce",
        "networks",
        "networks_observe",
        "access",  # of self-service APIs
        "enabled",  # unless an operator disabled it
        "disabled_by",
        "token_lifetime",  # no longer than the issuer's
        "grant_types",  # no others than the usual ones
    }
)
_USUAL_GRANTS = frozenset({CLIENT_CREDENTIALS, REFRESH_TOKEN})


def own_account(booth: Booth, account: str | None) -> str | None:
    """Return whose it is to be: an account's people name none but their own; raises Missing."""
    own = booth.actor.account
    if own is None:
        return account
    if account not in (None, own):
        raise Missing(f"There is no account {account!r}.")
    return own


def management_scopes(client: Client) -> frozenset[str]:
    """Return the scopes of the management API that a client may ask for: its own rights."""
    if client.issuer != DEFAULT_ISSUER:
        return frozenset()
    of_api = [each.scopes for each in client.access if each.api == MANAGEMENT_API]
    return frozenset(scope for scopes in of_api for scope in scopes)


def require_no_less(booth: Booth, client: Client) -> None:
    """Raise NotAllowed for a client that may do more here than whoever acts.

    With a secret of such a client, anybody has its rights.
    """
    _require_rights(booth, management_scopes(client))


def _require_rights(booth: Booth, scopes: frozenset[str]) -> None:
    missing = sorted(scope for scope in scopes if not booth.actor.may(scope))
    if missing:
        raise NotAllowed(f"The client has the right {missing[0]}, and you do not.")


async def check_bounds(booth: Booth, before: Client | None, after: Client) -> None:
    """Raise NotAllowed for what whoever acts may not make of the client; `before` None: new."""
    if before is not None:
        require_no_less(booth, before)
    _require_rights(booth, management_scopes(after))
    if booth.actor.account is None:
        return
    bare = _bare(after) if before is None else before
    for name in differences(bare, after):
        if name not in ACCOUNT_MAY_SET:
            raise NotAllowed(f"Only an operator sets {name.replace('_', ' ')}: ask them for it.")
    if not set(after.grant_types) <= _USUAL_GRANTS | set(bare.grant_types):
        raise NotAllowed("Only an operator allows other grants: ask them for it.")
    if after.token_lifetime not in (None, bare.token_lifetime):
        longest = (await find_issuer(booth, after.issuer)).token_lifetime
        if after.token_lifetime > longest:
            raise NotAllowed(f"Its tokens live at most {longest} seconds, as the issuer's do.")
    if after.access != bare.access:
        apis = await booth.store.list_apis(after.issuer)
        _check_access(bare, after, {api.name: api for api in apis})


def _check_access(before: Client, after: Client, apis: dict[str, Api]) -> None:
    had = {each.api: set(each.scopes) for each in before.access}
    for each in after.access:
        api = apis.get(each.api)
        is_more = each.api not in had or not set(each.scopes) <= had[each.api]
        # What this service lets people do is never for the taking.
        is_open = api is not None and api.self_service and not is_management(api)
        if is_more and not is_open:
            raise NotAllowed(
                f"The API {each.api!r} is not self-service: "
                "ask for it with a request for access, and an operator decides."
            )


def _bare(client: Client) -> Client:
    """Return the client as it would be without anything said."""
    return Client(
        issuer=client.issuer,
        client_id=client.client_id,
        account=client.account,
        created_at=client.created_at,
        updated_at=client.updated_at,
    )
