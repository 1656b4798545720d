"""The refresh token grant, rotated at every use (RFC 6749 §6, RFC 9700 §4.14.2)."""

from dataclasses import replace

from tokenbooth.protocol.authorization_details import Details, is_within
from tokenbooth.protocol.errors import (
    InvalidAuthorizationDetails,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    OAuthError,
    TokenRefused,
)
from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.protocol.scope import Scope
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.details import check_details
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision, RefreshUse
from tokenbooth.server.policy import decide as decide_by_policy
from tokenbooth.server.recognition import OurToken, recognise_refresh_token
from tokenbooth.server.revocations import is_revoked, revoke_family
from tokenbooth.server.stores.contract import RevocationStore

_USED_UP = "The refresh token is expired, used or revoked; ask with client_credentials again."


def decide(
    request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView, now: float
) -> Decision:
    """Decide within what the refresh token was issued for; raises OAuthError."""
    if request.refresh_token is None:
        raise InvalidRequest("The parameter refresh_token is missing.")
    try:
        token = recognise_refresh_token(request.refresh_token, issuer, now)
    except TokenRefused as refused:
        raise InvalidGrant(_USED_UP, reason=f"refresh_{refused.reason}") from refused
    if token.client_id != caller.client.client_id:
        raise InvalidGrant(_USED_UP, reason="refresh_of_another_client")
    granted = Scope(tuple(token.claims["scope"].split()))
    details: Details = tuple(token.claims.get("authorization_details", ()))
    if not is_within(request.details, details):  # RFC 9396 §6
        raise InvalidAuthorizationDetails("A refreshed token can have no more details.")
    decision = _within(token, granted, request, caller, issuer)
    try:
        check_details(details, caller.client, issuer, token.audience)
    except InvalidAuthorizationDetails as refused:
        raise InvalidGrant(_USED_UP, reason="refresh_access_withdrawn") from refused
    if decision.refresh_lifetime is None:  # the client's were turned off after this was issued
        raise InvalidGrant(_USED_UP, reason="refresh_access_withdrawn")
    use = RefreshUse(
        token=token,
        family=str(token.family),
        generation=token.claims["gen"],
        expires_at=token.expires_at,
        scope=granted,
        audience=token.audience,
        details=details,
        is_dpop_bound="dpop" in token.claims,
    )
    return replace(decision, spends=use, authorization_details=request.details or details)


def _within(
    token: OurToken,
    granted: Scope,
    request: TokenRequest,
    caller: AuthenticatedClient,
    issuer: IssuerView,
) -> Decision:
    if not request.scope <= granted | Scope(issuer.dialect.tolerated_scopes):
        raise InvalidScope(f"A refreshed token can have no more than: {granted}")
    if not set(request.resources) <= set(token.audience):
        raise InvalidTarget(
            f"A refreshed token can be for no more than: {' '.join(token.audience)}"
        )
    # A tolerated scope alone asks for nothing, and nothing must not mean the client's default.
    scope = (request.scope & granted) or granted
    narrowed = replace(request, scope=scope, resources=request.resources or token.audience)
    try:
        decision = decide_by_policy(narrowed, caller, issuer)
        return replace(decision, scope=decision.scope & scope)
    except (InvalidScope, InvalidTarget) as refused:
        # The client's access was cut after the first token was issued.
        raise InvalidGrant(_USED_UP, reason="refresh_access_withdrawn") from refused


async def spend(
    use: RefreshUse,
    issuer: IssuerView,
    store: RevocationStore,
    *,
    now: float,
    grace: float,
) -> None:
    """Use up the refresh token; raises InvalidGrant when it was used before or revoked.

    Within `grace` seconds of its first use a token answers again: the client lost our reply.
    Later it is taken for stolen, and its whole family dies (RFC 9700 §4.14.2).
    """
    if await is_revoked(use.token, issuer, store):
        raise InvalidGrant(_USED_UP, reason="refresh_revoked")
    # Also when the clock was set back: a distance, or every copy would pass until it caught up.
    key = f"refresh:{issuer.name}:{use.family}:{use.generation}"
    claim = await store.claim(key, now=now, expires_at=use.expires_at)
    if claim.won or abs(now - claim.claimed_at) <= grace:
        return
    await revoke_family(use.family, issuer, store, now)
    raise _reuse()


def _reuse() -> OAuthError:
    return InvalidGrant(_USED_UP, reason="refresh_reused")
