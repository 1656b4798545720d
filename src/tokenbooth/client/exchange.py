"""Build a token request and read its answer, without any I/O (RFC 6749 §4.4 and §6, RFC 8693)."""

from dataclasses import dataclass

from tokenbooth.client.errors import Failure
from tokenbooth.client.pacing import retry_after_seconds, seconds_since_1970
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, SPIFFE_ASSERTION
from tokenbooth.protocol.client_auth import basic_authorization
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.form import CONTENT_TYPE, encode_form, form_encode
from tokenbooth.protocol.jwt import read_jwt, unverified_claims
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import (
    BEARER,
    TokenAnswer,
    TokenRefusal,
    read_token_answer,
)
from tokenbooth.protocol.token_exchange import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from tokenbooth.remote.address import shown
from tokenbooth.remote.fetch import Request, Response

AUTH_METHODS = ("basic", "basic-raw", "body")  # ways to send a secret
CERTIFICATE = "certificate"  # not chosen: the connection itself proves who the client is
ASSERTION = "assertion"  # not chosen, but what a private key or a foreign token is sent as
DEFAULT_LIFETIME = 300.0  # where neither the answer nor the token says how long it lives

_FIXES = {
    "invalid_scope": "Ask for a scope that this client may have",
    "invalid_target": "Ask for a resource that this client may call",
    "unauthorized_client": "Ask the operator to allow this client the client credentials grant",
    "unsupported_grant_type": "Check the token URL, its service knows no such grant",
    "invalid_dpop_proof": "Check this machine's clock, and dpop",
    "use_dpop_nonce": "Tell the vendor: the service asks for a DPoP nonce but takes none",
    "invalid_request": "Check the dialect, auth_method and parameters",
}
_TRANSIENT_STATUS = frozenset({408, 425, 429})
_TRANSIENT_CODES = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: the same in the first request and in every renewal."""

    client_id: str
    scope: Scope
    resources: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    dialect: Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """The tokens that are exchanged for another one (RFC 8693 §2.1)."""

    subject_token: Secret
    actor_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How the client proves itself, read for this one request."""

    method: str  # one of AUTH_METHODS, ASSERTION or CERTIFICATE
    secret: Secret  # or the assertion, or empty
    refresh_token: Secret | None = None
    handed_in: HandedIn | None = None
    dpop: str | None = None  # the DPoP proof for this request


def build_token_request(wish: Wish, proof: Proof, *, url: str, timeout: float) -> Request:
    """Return the request for a token, by credentials alone or with a refresh token."""
    headers = {"content-type": CONTENT_TYPE, "accept": "application/json"}
    pairs = [("grant_type", "client_credentials")]
    if proof.refresh_token is not None:
        pairs = [("grant_type", "refresh_token"), ("refresh_token", proof.refresh_token.reveal())]
    elif proof.handed_in is not None:
        pairs = [("grant_type", TOKEN_EXCHANGE), *_handed_in(proof.handed_in)]
    if wish.scope:
        pairs.append(("scope", str(wish.scope)))
    pairs += [("resource", each) for each in wish.resources]  # RFC 8707 §2
    pairs += wish.parameters
    if proof.method == "body":
        pairs += [("client_id", wish.client_id), ("client_secret", proof.secret.reveal())]
    elif proof.method == ASSERTION:
        pairs += [
            ("client_id", wish.client_id),
            ("client_assertion_type", assertion_type_of(proof.secret)),
            ("client_assertion", proof.secret.reveal()),
        ]
    elif proof.method == CERTIFICATE:  # RFC 8705 §2
        pairs.append(("client_id", wish.client_id))
    else:
        raw = proof.method == "basic-raw"
        authorization = basic_authorization(wish.client_id, proof.secret, raw=raw)
        headers["authorization"] = authorization.reveal()
    if proof.dpop is not None:
        headers["dpop"] = proof.dpop
    return Request(
        method="POST", url=url, headers=headers, body=encode_form(pairs), timeout=timeout
    )


def _handed_in(tokens: HandedIn) -> list[tuple[str, str]]:
    pairs = [
        ("subject_token", tokens.subject_token.reveal()),
        ("subject_token_type", ACCESS_TOKEN_TYPE),
    ]
    if tokens.actor_token is not None:
        pairs.append(("actor_token", tokens.actor_token.reveal()))
        pairs.append(("actor_token_type", ACCESS_TOKEN_TYPE))
    return pairs


def assertion_type_of(assertion: Secret) -> str:
    """Return what kind of assertion it is: a JWT, or one that names a SPIFFE identity."""
    try:
        claims = unverified_claims(read_jwt(assertion.reveal()))
    except TokenRefused:
        return JWT_BEARER_ASSERTION  # The service says what is wrong with it.
    is_spiffe = str(claims.get("sub", "")).startswith("spiffe://") and "iss" not in claims
    return SPIFFE_ASSERTION if is_spiffe else JWT_BEARER_ASSERTION


def read_token_response(
    wish: Wish, response: Response, *, token_type: str = BEARER
) -> TokenAnswer | TokenRefusal:
    """Read the endpoint's answer; raises AnswerUnreadable."""
    return read_token_answer(
        status=response.status, body=response.body, dialect=wish.dialect, token_type=token_type
    )


def lifetime(answer: TokenAnswer, response: Response, *, now: float) -> float:
    """Return how many seconds the token lives from the moment it was handed out."""
    if answer.expires_in is not None:
        return answer.expires_in
    try:
        expiry = unverified_claims(read_jwt(answer.access_token.reveal())).get("exp")
    except TokenRefused:
        return DEFAULT_LIFETIME
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        return DEFAULT_LIFETIME
    # The issuer's own clock, where it tells it: this machine's may be wrong by hours.
    handed_out = seconds_since_1970(response.headers.get("date", "")) or now
    return float(expiry) - handed_out


def failure_of(
    refusal: TokenRefusal, response: Response, proof: Proof, *, url: str, now: float
) -> Failure:
    """Return what a refusal means, in words that start with the fix."""
    status, code = refusal.status, refusal.code
    said = " ".join(filter(None, (str(status), code)))
    if refusal.description:
        said += f" ({_redacted(refusal.description, proof).rstrip('.')})"
    is_transient = status >= 500 or status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES
    if is_transient:
        fix = "Ask less often" if status == 429 else "Try again later"
    elif 300 <= status <= 399:
        place = shown(response.headers.get("location", ""))
        fix = f"Set the token URL to its final place, credentials follow no redirect to {place}"
    elif not code and status in (404, 405):
        fix = "Check the token URL"
    else:
        # Which method was used is told, because servers refuse the wrong one in the same words.
        sent = f'Check the client ID, the secret and auth_method (it was "{proof.method}")'
        if proof.method == ASSERTION:
            sent = "Check the client ID, the key, and that the issuer is named as it names itself"
        fix = _FIXES.get(code, sent)
    retry_after = response.headers.get("retry-after")
    now = seconds_since_1970(response.headers.get("date", "")) or now
    return Failure(
        text=f"{fix}: {shown(url)} answered {said}.",
        reason=code or f"status_{status}",
        is_transient=is_transient,
        status=status,
        code=code,
        retry_after=retry_after_seconds(retry_after, now=now) if retry_after else None,
    )


_LEAST_TELLING = 4  # characters of a secret


def _redacted(text: str, proof: Proof) -> str:
    # A server may echo what it was sent.
    tokens = proof.handed_in
    handed_in = (tokens.subject_token, tokens.actor_token) if tokens is not None else ()
    for secret in (proof.secret, proof.refresh_token, *handed_in):
        if secret:
            for form in {secret.reveal(), form_encode(secret.reveal())}:
                text = _without_beginning(text.replace(form, "***"), form)
    return text


def _without_beginning(text: str, secret: str) -> str:
    """Leave out the beginning of a secret where the text was cut off in the midst of it."""
    whole = text.removesuffix("...")
    if whole == text:
        return text
    for length in range(min(len(secret), len(whole)), _LEAST_TELLING - 1, -1):
        if whole.endswith(secret[:length]):
            return whole[:-length] + "***"
    return text
