"""The token endpoint (RFC 6749 §3.2): read, authenticate, decide, issue, respond."""

from tokenbooth.protocol.certificate import ShownCertificate
from tokenbooth.protocol.client_auth import Presented, read_client
from tokenbooth.protocol.dpop import Proof
from tokenbooth.protocol.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    MethodNotAllowed,
    UnsupportedGrantType,
)
from tokenbooth.protocol.form import Form, parse_form
from tokenbooth.protocol.messages import (
    CLIENT_CREDENTIALS,
    JWT_BEARER,
    REFRESH_TOKEN,
    TokenRequest,
    meant_grant,
    read_token_request,
)
from tokenbooth.protocol.token_exchange import TOKEN_EXCHANGE
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.authentication import authenticate
from tokenbooth.server.endpoints.unusable import latest
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.grants import client_credentials, jwt_bearer, refresh_token, token_exchange
from tokenbooth.server.issuance import Issued, issue
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.policy import Decision, with_copied_claims
from tokenbooth.server.possession import bind, constrain, newer_nonce, read_proof, spend_proof
from tokenbooth.server.proofs.certificate import bind_to_certificate
from tokenbooth.server.proofs.single_use import spend
from tokenbooth.server.service import Service
from tokenbooth.server.shown_certificate import shown_certificate
from tokenbooth.server.wire import send_issued

_DECIDING = {
    CLIENT_CREDENTIALS: client_credentials.decide,
    REFRESH_TOKEN: refresh_token.decide,
    JWT_BEARER: jwt_bearer.decide,
    TOKEN_EXCHANGE: token_exchange.decide,
}

_NEVER_IN_A_URL = (b"client_secret=", b"client_assertion=")  # RFC 6749 §2.3.1


async def token(exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome) -> None:
    """Answer one token request; raises OAuthError for the router to answer."""
    now = service.clock.now()
    form = await read_form(exchange, service)
    shown = shown_certificate(exchange, service)
    presented = outcome.presents(read_client(form, exchange.headers(b"authorization"), shown))
    request = _read(form, issuer)
    outcome.grant_type = request.grant_type
    if request.exchange is not None:
        # Another node may have signed the tokens that are handed in with a key of a moment ago.
        issuer = await latest(issuer, service)
    caller = await _authenticate(request, presented, issuer, service, outcome, shown=shown, now=now)
    note_use(caller, exchange, service, outcome, now=now)
    proof = read_proof(exchange, issuer, caller.client, now)
    decision = _DECIDING[request.grant_type](request, caller, issuer, now)
    decision = with_copied_claims(decision, caller)
    decision = bind_to_certificate(decision, shown, caller)
    decision = bind(decision, proof, caller.client)
    decision = constrain(decision, shown, issuer)
    token_exchange.refuse_loosened(decision)
    await _spend_proofs(request, caller, proof, issuer, service, now=now)
    # Not before: whoever shows again what was used up must not use the client's quota up as well.
    await service.quotas.take(caller.client, lifetime=decision.lifetime, now=now, outcome=outcome)
    issued = await _issue(decision, issuer, service, now)
    outcome.issued(decision, issued)
    await send_issued(
        exchange,
        issued,
        issuer.dialect,
        dpop_nonce=newer_nonce(proof, issuer, now),
        hint=caller.known.waste.hint(lifetime=decision.lifetime, now=now),
    )
    if request.grant_type == CLIENT_CREDENTIALS and proof is None and shown is None:
        service.repeats.remember(exchange, issuer, caller, decision)


async def read_form(exchange: Exchange, service: Service) -> Form:
    """Read the form of a POST; raises InvalidRequest in its several kinds."""
    if exchange.method != "POST":
        raise MethodNotAllowed(
            f"Requests to this endpoint must be POST with a form body. You used "
            f"{exchange.method}; did an http:// address redirect you?"
        )
    if any(name in exchange.scope["query_string"] for name in _NEVER_IN_A_URL):
        raise InvalidRequest(
            "Never send credentials in the URL: logs keep it. Rotate this secret, "
            "and send the new one in the body or by HTTP Basic.",
            reason="credentials_in_url",
        )
    settings = service.settings
    body = await exchange.body(
        max_bytes=settings.max_body_bytes, seconds=settings.body_timeout_seconds
    )
    return parse_form(body, exchange.header(b"content-type"))


def _read(form: Form, issuer: IssuerView) -> TokenRequest:
    request = read_token_request(form)
    if request.grant_type not in issuer.grant_types:
        raise UnsupportedGrantType(meant_grant(request.grant_type, issuer.grant_types))
    return request


async def _authenticate(
    request: TokenRequest,
    presented: Presented,
    issuer: IssuerView,
    service: Service,
    outcome: Outcome,
    *,
    shown: ShownCertificate | None,
    now: float,
) -> AuthenticatedClient:
    if request.grant_type == JWT_BEARER:
        return await jwt_bearer.prove(
            request, presented, issuer, service, outcome, now=now, shown=shown
        )
    return await authenticate(
        presented,
        issuer=issuer,
        service=service,
        outcome=outcome,
        now=now,
        shown=shown,
        spends=False,
    )


def note_use(
    caller: AuthenticatedClient,
    exchange: Exchange,
    service: Service,
    outcome: Outcome,
    *,
    now: float,
) -> None:
    """Note who called, with which credential and from where."""
    outcome.authenticated(caller)
    service.last_uses.note(caller.credential, at=now, source=outcome.source, agent=exchange.agent)


async def _spend_proofs(
    request: TokenRequest,
    caller: AuthenticatedClient,
    proof: Proof | None,
    issuer: IssuerView,
    service: Service,
    *,
    now: float,
) -> None:
    # Now and not before: a request that is refused leaves a token that the platform gave usable.
    refusal = InvalidGrant if request.grant_type == JWT_BEARER else InvalidClient
    await spend(caller.uses, service.replays, now, refusal=refusal)
    if proof is not None:
        await spend_proof(proof, issuer, service.replays, now=now)


async def _issue(decision: Decision, issuer: IssuerView, service: Service, now: float) -> Issued:
    if decision.rests_on:
        await token_exchange.refuse_ended(decision, issuer, service.registry, service.store)
    if decision.spends is not None:
        await refresh_token.spend(
            decision.spends,
            issuer,
            service.store,
            now=now,
            grace=service.settings.refresh_grace_seconds,
        )
    return await issue(decision, issuer, now)
