"""Let others register clients by themselves: initial access tokens (RFC 7591 §3)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tokenbooth.management.addresses import issuer_url
from tokenbooth.management.clients.credentials import DAY
from tokenbooth.management.errors import BadInput
from tokenbooth.management.moments import moment
from tokenbooth.management.names import shown
from tokenbooth.management.rights import require
from tokenbooth.management.service.apis import choose_scopes, find_api, read_scope
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.issuer_view import REGISTRATION_PATH
from tokenbooth.server.records import DEFAULT_ISSUER, ApiAccess
from tokenbooth.server.registration_tokens import (
    MAX_USES,
    InitialToken,
    RegistrationOffice,
    of_initial_token,
)

LONGEST = 400 * DAY
USUAL = 7 * DAY

_ID_BYTES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInitialToken:
    """An initial access token; this is the only time it can be seen."""

    initial_access_token: Secret
    token_id: str
    issuer: str
    apis: tuple[str, ...]
    scope: str
    grant_types: tuple[str, ...]
    uses: int
    expires_at: datetime
    registration_endpoint: str


async def create_token(
    booth: Booth,
    *,
    apis: Sequence[str],
    scope: str | None = None,
    grants: tuple[str, ...] = (CLIENT_CREDENTIALS,),
    issuer: str = DEFAULT_ISSUER,
    expires_in: float = USUAL,
    uses: int = 1,
) -> NewInitialToken:
    """Make a token that registers `uses` clients, with no more than this; raises BadInput."""
    require(booth, "clients:write", whole=True)
    owner = await find_issuer(booth, issuer)
    if not apis:
        raise BadInput("Name at least one API that the clients may call.")
    if not 0 < expires_in <= LONGEST:
        raise BadInput("The token is valid for more than 0 seconds and at most 400 days.")
    if not 1 <= uses <= MAX_USES:
        raise BadInput(f"The token registers 1 to {MAX_USES} clients.")
    granted = [await find_api(booth, api, issuer=issuer) for api in dict.fromkeys(apis)]
    chosen = choose_scopes(granted, None if scope is None else read_scope(scope))
    token = InitialToken(
        id=secrets.token_hex(_ID_BYTES),
        issuer=issuer,
        access=tuple(
            ApiAccess(api=api.name, scopes=names)
            for api, names in zip(granted, chosen, strict=True)
        ),
        grant_types=grants,
        uses=uses,
        expires_at=booth.clock.now() + expires_in,
    )
    # The token itself is sealed and stored nowhere: what is recorded is all that is known of it.
    created = booth.event(
        "registration_token_created",
        issuer=issuer,
        subject=token.id,
        apis=[each.api for each in token.access],
        uses=uses,
        expires_at=token.expires_at,
    )
    await booth.store.add_events([created])
    return NewInitialToken(
        initial_access_token=RegistrationOffice(booth.secrets).initial(token),
        token_id=token.id,
        issuer=issuer,
        apis=tuple(each.api for each in token.access),
        scope=" ".join(dict.fromkeys(name for names in chosen for name in names)),
        grant_types=grants,
        uses=uses,
        expires_at=moment(token.expires_at),
        registration_endpoint=issuer_url(booth, owner) + REGISTRATION_PATH,
    )


async def revoke_token(booth: Booth, token_id: str, *, issuer: str = DEFAULT_ISSUER) -> None:
    """End an initial access token; the clients that it registered stay."""
    require(booth, "clients:write", whole=True)
    await find_issuer(booth, issuer)
    if len(token_id) != 2 * _ID_BYTES or not token_id.isalnum():
        raise BadInput(f"{shown(token_id)} is no token id: it was told beside the token.")
    expires_at = booth.clock.now() + LONGEST
    await booth.store.revoke(
        [of_initial_token(issuer, token_id, expires_at)],
        audit=[booth.event("registration_token_revoked", issuer=issuer, subject=token_id)],
    )
