"""What is asked of the token service, as values (RFC 6749 §4.4.2, RFC 7009 §2.1, RFC 7662 §2.1)."""

from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from tokenbooth.protocol.authorization_details import Details, read_details
from tokenbooth.protocol.errors import InvalidRequest, InvalidTarget
from tokenbooth.protocol.form import Form
from tokenbooth.protocol.scope import NO_SCOPE, Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_exchange import (
    TOKEN_EXCHANGE,
    ExchangeRequest,
    read_exchange_request,
)

CLIENT_CREDENTIALS = "client_credentials"
REFRESH_TOKEN = "refresh_token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

MAX_RESOURCES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a client asks for; who it is comes from authentication alone."""

    grant_type: str
    scope: Scope = NO_SCOPE  # empty: the default
    resources: tuple[str, ...] = ()  # audiences asked for (RFC 8707 §2)
    refresh_token: Secret | None = None
    assertion: Secret | None = None  # RFC 7523 §2.1
    exchange: ExchangeRequest | None = None
    details: Details = ()  # RFC 9396 §2


def read_token_request(form: Form) -> TokenRequest:
    """Read a token request; raises InvalidRequest, InvalidScope or InvalidTarget."""
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise InvalidRequest("The grant_type is missing; send grant_type=client_credentials.")
    if "scopes" in form:
        raise InvalidRequest("The parameter is called scope, not scopes.")
    refresh_token, assertion = form.get("refresh_token"), form.get("assertion")
    return TokenRequest(
        grant_type=grant_type,
        scope=Scope.parse(form.get("scope") or ""),
        resources=_read_resources(form),
        refresh_token=Secret(refresh_token) if refresh_token is not None else None,
        assertion=Secret(assertion) if assertion is not None else None,
        details=_read_details(form),
        exchange=read_exchange_request(form) if grant_type == TOKEN_EXCHANGE else None,
    )


def meant_grant(grant_type: str, supported: tuple[str, ...]) -> str:
    """Return a sentence that helps to send a grant which exists."""
    close = get_close_matches(grant_type[:64], supported, n=1)
    if close:
        return f"This grant_type does not exist; did you mean {close[0]}?"
    return f"This grant_type is not supported; use {' or '.join(supported)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenQuestion:
    """A token handed to introspection or revocation. Hints are ignored: all kinds are tried."""

    unverified_token: Secret


def read_token_question(form: Form) -> TokenQuestion:
    """Read an introspection or revocation request; raises InvalidRequest without a token."""
    token = form.get("token")
    if token is None:
        raise InvalidRequest("The parameter token is missing.")
    return TokenQuestion(unverified_token=Secret(token))


def _read_details(form: Form) -> Details:
    text = form.get("authorization_details")
    return () if text is None else read_details(text)


def _read_resources(form: Form) -> tuple[str, ...]:
    # `audience` is what Auth0 and Hydra call it; both name the same thing here.
    named = form.get_all("resource") + form.get_all("audience")
    if not named:
        return ()
    named = tuple(dict.fromkeys(named))
    if len(named) > MAX_RESOURCES:
        raise InvalidTarget(f"At most {MAX_RESOURCES} resources can be asked for at once.")
    for resource in form.get_all("resource"):
        _refuse_unless_absolute(resource)
    return named


def _refuse_unless_absolute(resource: str) -> None:
    try:
        parts = urlsplit(resource)
    except ValueError as error:
        raise InvalidTarget("The resource is not a URI.") from error
    if not parts.scheme or not (parts.netloc or parts.path):
        raise InvalidTarget("The resource must be an absolute URI.")
    if "#" in resource:
        raise InvalidTarget("The resource must have no fragment.")
