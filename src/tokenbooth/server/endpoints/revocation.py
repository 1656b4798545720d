"""The revocation endpoint (RFC 7009): a client gives back its own token."""

from tokenbooth.protocol.client_auth import read_client
from tokenbooth.protocol.errors import TokenRefused, UnauthorizedClient
from tokenbooth.protocol.messages import read_token_question
from tokenbooth.server.authentication import authenticate
from tokenbooth.server.endpoints.token import note_use, read_form
from tokenbooth.server.endpoints.unusable import latest
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.recognition import recognise
from tokenbooth.server.revocations import CLOCK_MAY_BE_OFF, revoke
from tokenbooth.server.service import Service
from tokenbooth.server.shown_certificate import shown_certificate
from tokenbooth.server.wire import send_json


async def revocation(
    exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome
) -> None:
    """Revoke the token; when this answers 200, the revocation is durable."""
    # A token of a key that this node does not know yet must not be taken for a bad one.
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
        token = recognise(question.unverified_token, issuer, now, leeway=CLOCK_MAY_BE_OFF)
    except TokenRefused as refused:
        # RFC 7009 §2.2: a token that is not good needs no revoking; the answer is the same.
        outcome.answered("nothing_to_revoke", reason=refused.reason)
    else:
        if token.client_id != caller.client.client_id:
            raise UnauthorizedClient(
                "This token was issued to another client.", reason="token_of_another_client"
            )
        await revoke(token, issuer, service.store, now)
        outcome.answered("revoked", token_id=token.token_id)
    await send_json(exchange, {})
