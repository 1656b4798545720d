"""The JWT bearer grant: a trusted token is what is exchanged for ours (RFC 7523 §2.1).

It speaks for a client, which may prove itself besides; the token that comes out is the client's.
"""

from dataclasses import replace

from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import ShownCertificate
from tokenbooth.protocol.client_auth import Presented, PresentedNothing
from tokenbooth.protocol.errors import InvalidClient, InvalidGrant, InvalidRequest
from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.protocol.presented_assertion import PresentedAssertion, read_assertion
from tokenbooth.server.attempts import Attempt
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.authentication import authenticate
from tokenbooth.server.details import decide as decide_with_details
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.policy import Decision
from tokenbooth.server.proofs import assertion, certificate, federation
from tokenbooth.server.service import Service


async def prove(
    request: TokenRequest,
    presented: Presented,
    issuer: IssuerView,
    service: Service,
    outcome: Outcome,
    *,
    now: float,
    shown: ShownCertificate | None,
) -> AuthenticatedClient:
    """Return the client for which the assertion speaks; raises OAuthError."""
    if request.assertion is None:
        raise InvalidRequest("The parameter assertion is missing.")
    caller = None
    if not isinstance(presented, PresentedNothing):
        caller = await authenticate(
            presented,
            issuer=issuer,
            service=service,
            outcome=outcome,
            now=now,
            shown=shown,
            spends=False,
        )
    try:
        given = read_assertion(
            request.assertion,
            assertion_type=JWT_BEARER_ASSERTION,
            client_id=presented.client_id if caller is None else caller.client.client_id,
        )
        granted = await _proved(given, issuer, service, outcome, now)
    except InvalidClient as refused:
        # RFC 7521 §4.1.1: here the assertion is the grant, whoever sends it.
        raise InvalidGrant(refused.description, reason=refused.reason) from refused
    if caller is None:
        certificate.refuse_second_method(granted, shown)
        return granted
    # The method is the client's own: by a certificate, and its tokens are bound to that.
    return replace(granted, method=caller.method, uses=(*caller.uses, *granted.uses))


async def _proved(
    given: PresentedAssertion,
    issuer: IssuerView,
    service: Service,
    outcome: Outcome,
    now: float,
) -> AuthenticatedClient:
    attempt = Attempt(issuer, given, service, outcome)
    prove_own = assertion.prove if given.method == PRIVATE_KEY_JWT else federation.prove
    try:
        granted = await prove_own(given, issuer, service, now)
    except InvalidClient as refused:
        attempt.failed(refused)
        raise
    await attempt.succeeded(granted)
    return granted


def decide(
    request: TokenRequest,
    caller: AuthenticatedClient,
    issuer: IssuerView,
    now: float,  # noqa: ARG001 - every grant decides on the same four values
) -> Decision:
    """Decide by the client's policy; a new assertion is what renews the token."""
    return replace(decide_with_details(request, caller, issuer), refresh_lifetime=None)
