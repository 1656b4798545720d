"""The introspection endpoint: whether a token is good, and what it says (RFC 7662)."""

from tokenbooth.protocol import custom_claims
from tokenbooth.protocol.client_auth import read_client
from tokenbooth.protocol.dpop import TOKEN_TYPE
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.messages import read_token_question
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.authentication import authenticate
from tokenbooth.server.endpoints.signed_introspection import accepts_signed, send_signed
from tokenbooth.server.endpoints.token import note_use, read_form
from tokenbooth.server.endpoints.unusable import latest
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuance import BEARER
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.recognition import OurToken, recognise
from tokenbooth.server.revocations import is_revoked
from tokenbooth.server.service import Service
from tokenbooth.server.shown_certificate import shown_certificate
from tokenbooth.server.wire import send_json

_SHOWN = (
    *("scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "cnf"),
    *("act", "authorization_details"),
)


async def introspection(
    exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome
) -> None:
    """Answer one question about a token; raises OAuthError for the router to answer."""
    # Exact on every node: take over what others changed before anything is judged by it.
    issuer = await latest(issuer, service)
    now = service.clock.now()
    form = await read_form(exchange, service)
    shown = shown_certificate(exchange, service)
    presented = outcome.presents(read_client(form, exchange.headers(b"authorization"), shown))
    caller = await authenticate(
        presented, issuer=issuer, service=service, outcome=outcome, now=now, shown=shown
    )
    note_use(caller, exchange, service, outcome, now=now)
    question = read_token_question(form)
    try:
        token = recognise(question.unverified_token, issuer, now)
        await _refuse_unless_active(token, caller, issuer, service)
    except TokenRefused as refused:
        outcome.answered("inactive", reason=refused.reason)
        # RFC 7662 §2.2: nothing but this, whatever the reason.
        answer: dict[str, object] = {"active": False}
    else:
        outcome.answered("active", token_id=token.token_id)
        answer = _description(token)
    if accepts_signed(exchange.headers(b"accept")):
        await send_signed(
            exchange, answer, issuer=issuer, audience=caller.client.client_id, now=now
        )
    else:
        await send_json(exchange, answer)


async def _refuse_unless_active(
    token: OurToken, caller: AuthenticatedClient, issuer: IssuerView, service: Service
) -> None:
    if not _may_ask(caller, token, issuer):
        raise TokenRefused("not_for_this_caller")  # RFC 7662 §4
    if await is_revoked(token, issuer, service.store):
        raise TokenRefused("revoked")
    owner = await service.registry.client(issuer.name, token.client_id)
    if owner is None or not owner.client.enabled:
        raise TokenRefused("client_disabled")


def _may_ask(caller: AuthenticatedClient, token: OurToken, issuer: IssuerView) -> bool:
    if caller.client.client_id == token.client_id:
        return True
    served = {
        issuer.apis[name].audience
        for name in caller.client.resource_server_for
        if name in issuer.apis
    }
    return token.kind == "access_token" and not served.isdisjoint(token.audience)


def _description(token: OurToken) -> dict[str, object]:
    described: dict[str, object] = {"active": True}
    if token.kind == "access_token":
        described["token_type"] = TOKEN_TYPE if "jkt" in token.claims.get("cnf", ()) else BEARER
    described |= {name: token.claims[name] for name in _SHOWN if name in token.claims}
    if token.kind == "access_token":
        described |= custom_claims.merged([token.claims])  # all the rest but ours
    described.setdefault("sub", token.client_id)
    return described
