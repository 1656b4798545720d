"""Token exchange: a token to call the next API with, on behalf of the first caller (RFC 8693).

What comes out is never for more APIs or scopes than the subject token, never for more than the
client may have itself, and never lives longer.
"""

from dataclasses import replace

from tokenbooth.protocol.errors import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    TokenRefused,
)
from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.protocol.revocation_feed import MAX_EARLIER_KEYS
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_exchange import JWT_TYPE, act_claim, may_act
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision, check_grant
from tokenbooth.server.policy import decide as decide_by_policy
from tokenbooth.server.recognition import OurToken, recognise
from tokenbooth.server.records import Client
from tokenbooth.server.registry import Registry
from tokenbooth.server.revocations import earlier_keys, is_revoked
from tokenbooth.server.stores.contract import RevocationStore


def decide(
    request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView, now: float
) -> Decision:
    """Decide within the subject token and the client's own access; raises OAuthError."""
    check_grant(request, caller.client)
    asked = request.exchange
    if asked is None:
        raise InvalidRequest("Send subject_token and subject_token_type together.")
    if request.details:
        raise InvalidAuthorizationDetails("An exchange takes no authorization_details.")
    subject = _recognised("subject_token", asked.unverified_subject, caller, issuer, now)
    tokens = [subject]
    actor = None
    if asked.unverified_actor is not None:
        actor = _recognised("actor_token", asked.unverified_actor, caller, issuer, now)
        tokens.append(actor)
    if len(earlier_keys(tokens)) > MAX_EARLIER_KEYS:
        raise InvalidRequest("The subject_token was exchanged too many times.", reason="too_deep")
    _refuse_unless_named(subject, actor, caller.client, issuer)
    decision = _within(subject, request, caller, issuer)
    if asked.requested_type == JWT_TYPE and decision.token_format != "jwt":
        raise InvalidRequest("This client's tokens are opaque: ask for an access_token.")
    ends_at = min(int(token.expires_at) for token in tokens)
    return replace(
        decision,
        subject=subject.claims["sub"],
        actor=subject.claims.get("act") if actor is None else _act(actor, subject),
        lifetime=min(decision.lifetime, ends_at - int(now)),
        refresh_lifetime=None,  # the subject token is what renews this one
        rests_on=tuple(tokens),
        issued_token_type=asked.requested_type,
    )


def refuse_loosened(decision: Decision) -> None:
    """Refuse a bearer token for a bound one, which would free it from its key or certificate."""
    if decision.confirmation is None and any("cnf" in each.claims for each in decision.rests_on):
        raise InvalidRequest(
            "The token that is exchanged is bound to a key or certificate, so the new one must be: "
            "send a proof in the header DPoP, or use a client that gets certificate-bound tokens.",
            reason="exchange_unbound",
        )


async def refuse_ended(
    decision: Decision, issuer: IssuerView, registry: Registry, store: RevocationStore
) -> None:
    """Refuse when a token behind the decision was taken back meanwhile; raises InvalidRequest."""
    for token, name in zip(decision.rests_on, ("subject_token", "actor_token"), strict=False):
        owner = await registry.client(issuer.name, token.client_id)
        if owner is None or not owner.client.enabled:
            raise _not_good(name, "client_disabled")
        if await is_revoked(token, issuer, store):
            raise _not_good(name, "revoked")


def _recognised(
    name: str, unverified: Secret, caller: AuthenticatedClient, issuer: IssuerView, now: float
) -> OurToken:
    try:
        token = recognise(unverified, issuer, now)
    except TokenRefused as refused:
        raise _not_good(name, refused.reason) from refused
    if token.kind != "access_token":
        raise _not_good(name, "wrong_type")
    if not _may_exchange(name, token, caller.client, issuer):
        raise _not_good(name, "not_for_this_client")
    return token


def _may_exchange(name: str, token: OurToken, client: Client, issuer: IssuerView) -> bool:
    """Whether the token was meant for this client, so that it was not stolen on its way."""
    if name == "actor_token" and token.client_id == client.client_id:
        return True
    apis = (*client.resource_server_for, *client.policy.exchanges)
    reached = {issuer.apis[api].audience for api in apis if api in issuer.apis}
    return not reached.isdisjoint(token.audience)


def _not_good(name: str, reason: str) -> InvalidRequest:
    # RFC 8693 §2.2.2. One text: what is wrong with it is for its owner alone.
    return InvalidRequest(
        f"The {name} is expired, revoked, of another issuer, or not meant for this client.",
        reason=f"{name}_{reason}",
    )


def _refuse_unless_named(
    subject: OurToken, actor: OurToken | None, client: Client, issuer: IssuerView
) -> None:
    if "may_act" not in subject.claims:
        return
    identity = {"iss": issuer.url, "sub": client.client_id, "client_id": client.client_id}
    if actor is not None:
        identity |= {"sub": actor.claims["sub"], "client_id": actor.client_id}
    if not may_act(subject.claims["may_act"], identity):
        raise InvalidRequest(
            "The subject_token names who may act for its subject, and this is another one.",
            reason="may_not_act",
        )


def _act(actor: OurToken, subject: OurToken) -> dict[str, object]:
    return act_claim(actor.claims["sub"], subject.claims.get("act"))


def _within(
    subject: OurToken, request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView
) -> Decision:
    held = Scope.parse(subject.claims.get("scope", ""))
    if not request.scope <= held | Scope(issuer.dialect.tolerated_scopes):
        raise InvalidScope(f"The subject_token has no more scope than: {held or 'none'}")
    targets = request.resources or _targets(subject, caller.client, issuer)
    if not set(targets) <= set(subject.audience):
        raise InvalidTarget(f"The subject_token is for no more than: {' '.join(subject.audience)}")
    narrowed = replace(request, scope=request.scope & held, resources=targets)
    decision = decide_by_policy(narrowed, caller, issuer)
    scope = decision.scope & held
    if held and decision.scope and not scope:
        raise InvalidScope("This client may have nothing of the subject_token's scope there.")
    return replace(decision, scope=scope)


def _targets(subject: OurToken, client: Client, issuer: IssuerView) -> tuple[str, ...]:
    """Without a resource: every API of the subject token that the client may call as well."""
    own = {issuer.apis[each.api].audience for each in client.access if each.api in issuer.apis}
    targets = tuple(audience for audience in subject.audience if audience in own)
    if not targets:
        raise InvalidTarget(
            "The subject_token is for no API that this client may call. "
            f"It is for: {' '.join(subject.audience)}"
        )
    return targets
