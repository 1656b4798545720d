"""Which client an assertion says it is from, before anything of it is checked (RFC 7521 §4.2)."""

from dataclasses import dataclass, field

from tokenbooth.protocol.assertion import (
    ASSERTION_ALGORITHMS,
    JWT_BEARER_ASSERTION,
    PRIVATE_KEY_JWT,
    SPIFFE_ASSERTION,
)
from tokenbooth.protocol.claims import text_claim
from tokenbooth.protocol.errors import InvalidClient, InvalidRequest, TokenRefused
from tokenbooth.protocol.jwt import UnverifiedJwt, read_jwt, unverified_claims
from tokenbooth.protocol.secret import Secret

FEDERATED_JWT = "federated_jwt"  # signed by an issuer that the client trusts
SPIFFE_JWT = "spiffe_jwt"

MAX_CLIENT_ID_LENGTH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedAssertion:
    """A JWT that is to prove who is calling: the client's own, or one of an issuer it trusts."""

    client_id: str
    method: str  # PRIVATE_KEY_JWT, FEDERATED_JWT or SPIFFE_JWT
    unverified: UnverifiedJwt = field(repr=False)
    unverified_issuer: str | None = None  # None: a SPIFFE identity names none
    unverified_subject: str = ""


def read_assertion(
    unverified_assertion: Secret, *, assertion_type: str, client_id: str | None
) -> PresentedAssertion:
    """Take an assertion apart; raises InvalidClient or InvalidRequest that says what is off."""
    if assertion_type not in (JWT_BEARER_ASSERTION, SPIFFE_ASSERTION):
        raise InvalidClient(
            f"This client_assertion_type is not supported; use {JWT_BEARER_ASSERTION}.",
            reason="unknown_assertion_type",
        )
    try:
        unverified = read_jwt(unverified_assertion.reveal())
        claims = unverified_claims(unverified)
        subject = text_claim(claims, "sub", max_length=MAX_CLIENT_ID_LENGTH)
        issuer = (
            text_claim(claims, "iss", max_length=MAX_CLIENT_ID_LENGTH)
            if assertion_type == JWT_BEARER_ASSERTION
            else None
        )
    except TokenRefused as refused:
        # Its own detail names a claim or a part of the JWT, never what stands there.
        raise InvalidClient(
            f"The assertion cannot be used: {refused}. Send a compact JWT with iss and sub.",
            reason=f"assertion_{refused.reason}",
        ) from refused
    if unverified.alg not in ASSERTION_ALGORITHMS:
        raise InvalidClient(
            f"The assertion's alg is not accepted; use one of {', '.join(ASSERTION_ALGORITHMS)}.",
            reason="assertion_alg",
        )
    if issuer == subject:
        if client_id is not None and client_id != subject:  # RFC 7521 §4.2
            raise InvalidRequest(
                "The client_id in the body is not the one in the assertion.", reason="two_clients"
            )
        client_id, method = subject, PRIVATE_KEY_JWT
    elif client_id is None:
        raise InvalidClient(
            "The assertion's iss and sub are not both the client ID. "
            "If another issuer made it, send the client_id along.",
            reason="no_client",
        )
    else:
        method = FEDERATED_JWT if issuer is not None else SPIFFE_JWT
    if len(client_id) > MAX_CLIENT_ID_LENGTH:
        raise InvalidClient("The client ID is too long.", reason="overlong")
    return PresentedAssertion(
        client_id=client_id,
        method=method,
        unverified=unverified,
        unverified_issuer=issuer,
        unverified_subject=subject,
    )
