"""What a client may ask for beyond scopes: grants, exchanges, claims of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenbooth.management.clients.limits import check_limits
from tokenbooth.management.errors import BadInput, Missing, no_such
from tokenbooth.management.service.apis import find_api
from tokenbooth.protocol.custom_claims import ClaimsRefused, check_claims, read_claims
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, JWT_BEARER, REFRESH_TOKEN
from tokenbooth.protocol.token_exchange import TOKEN_EXCHANGE
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ClientPolicy

GRANTS: Mapping[str, str] = {
    "client-credentials": CLIENT_CREDENTIALS,
    "refresh-token": REFRESH_TOKEN,
    "token-exchange": TOKEN_EXCHANGE,
    "jwt-bearer": JWT_BEARER,
}

USUAL_GRANTS = (CLIENT_CREDENTIALS, REFRESH_TOKEN)


def grant_types(names: Sequence[str]) -> tuple[str, ...]:
    """Return the grants that are named, in short or in full; raises BadInput."""
    grants = []
    for name in names:
        grant = GRANTS.get(name.replace("_", "-"), name)
        if grant not in GRANTS.values():
            raise BadInput(no_such("grant", name, list(GRANTS)))
        grants.append(grant)
    if not grants:
        raise BadInput("Name at least one grant.")
    return tuple(dict.fromkeys(grants))


def claims_of(texts: Sequence[str]) -> dict[str, Any]:
    """Read claims that are written `name=JSON`; raises BadInput."""
    try:
        return read_claims(texts)
    except ClaimsRefused as error:
        raise BadInput(str(error)) from error


async def check_policy(booth: Booth, policy: ClientPolicy, *, issuer: str) -> None:
    """Refuse a policy that names what is not there, or says what cannot be; raises BadInput."""
    check_limits(policy)
    for api in policy.exchanges:
        await find_api(booth, api, issuer=issuer)
    if policy.authorization_details:
        apis = await booth.store.list_apis(issuer)
        known = sorted({kind.type for api in apis for kind in api.policy.authorization_details})
        for wanted in policy.authorization_details:
            if wanted not in known:
                where = f" at any API of the issuer {issuer!r}"
                raise Missing(no_such("type of details", wanted, known, where=where))
    try:
        check_claims(policy.claims)
    except ClaimsRefused as error:
        raise BadInput(str(error)) from error
