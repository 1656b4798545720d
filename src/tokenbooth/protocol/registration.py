"""What a client says of itself when it registers (RFC 7591 §2), read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.protocol import strict_json
from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS, PRIVATE_KEY_JWT
from tokenbooth.protocol.client_auth import BASIC, POST
from tokenbooth.protocol.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidScope,
    KeyRefused,
)
from tokenbooth.protocol.keys import (
    MAX_KEYS_IN_SET,
    VerificationKey,
    has_private_part,
    verification_key,
)
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret

CONTENT_TYPE = "application/json"
METHODS = (BASIC, POST, PRIVATE_KEY_JWT)
MAX_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """What a client wants to be. Members that mean nothing here are passed over (RFC 7591 §2)."""

    client_id: str | None = None  # only in an update (RFC 7592 §2.2)
    client_secret: Secret | None = None  # as client_id
    client_name: str = ""
    auth_method: str = BASIC
    grant_types: tuple[str, ...] = (CLIENT_CREDENTIALS,)
    scope: Scope | None = None  # None: all that it may have
    keys: tuple[VerificationKey, ...] = field(default=(), repr=False)
    jwks_uri: str | None = None
    is_dpop_bound: bool = False  # RFC 9449 §5.2


def read_client_metadata(document: bytes) -> ClientMetadata:
    """Read the body; raises InvalidClientMetadata or InvalidRedirectUri."""
    try:
        members = strict_json.parse_object(document)
    except ValueError as error:
        raise InvalidClientMetadata("The body is not one JSON object.") from error
    # RFC 7592 §2.2: a null is a member that is left out.
    given = {name: value for name, value in members.items() if value is not None}
    _refuse_redirects(given)
    method = _text(given, "token_endpoint_auth_method", BASIC)
    if method not in METHODS:
        raise InvalidClientMetadata(
            f"The token_endpoint_auth_method is one of: {' '.join(METHODS)}"
        )
    keys, jwks_uri = _keys(given, method)
    secret = given.get("client_secret")
    return ClientMetadata(
        client_id=_text(given, "client_id", "") or None,
        client_secret=None if secret is None else Secret(_text(given, "client_secret", "")),
        client_name=_name(given),
        auth_method=method,
        grant_types=_texts(given, "grant_types") or (CLIENT_CREDENTIALS,),
        scope=_scope(given),
        keys=keys,
        jwks_uri=jwks_uri,
        is_dpop_bound=_flag(given, "dpop_bound_access_tokens"),
    )


def _refuse_redirects(given: Mapping[str, Any]) -> None:
    if _texts(given, "redirect_uris"):
        raise InvalidRedirectUri("No one logs in here, so leave the redirect_uris out.")
    if _texts(given, "response_types"):
        raise InvalidClientMetadata("No one logs in here, so leave the response_types out.")


def _keys(given: Mapping[str, Any], method: str) -> tuple[tuple[VerificationKey, ...], str | None]:
    if "jwks" in given and "jwks_uri" in given:  # RFC 7591 §2
        raise InvalidClientMetadata("Give jwks or jwks_uri, not both.")
    has_keys = "jwks" in given or "jwks_uri" in given
    if has_keys != (method == PRIVATE_KEY_JWT):
        raise InvalidClientMetadata(
            f"The method {PRIVATE_KEY_JWT} goes with jwks or jwks_uri, and others with neither."
        )
    if "jwks_uri" in given:
        return (), _text(given, "jwks_uri", "")
    return _key_set(given["jwks"]) if has_keys else (), None


def _key_set(jwks: object) -> tuple[VerificationKey, ...]:
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KEYS_IN_SET:
        raise InvalidClientMetadata(f"The jwks has a list of 1 to {MAX_KEYS_IN_SET} keys.")
    try:
        keys = tuple(verification_key(jwk if isinstance(jwk, dict) else {}) for jwk in listed)
    except KeyRefused as error:
        raise InvalidClientMetadata(f"A key cannot be used: {error}.") from error
    if any(has_private_part(jwk) for jwk in listed):
        raise InvalidClientMetadata(
            "The jwks holds a private key; replace it and send public ones."
        )
    if any(key.alg not in ASSERTION_ALGORITHMS for key in keys):
        raise InvalidClientMetadata(f"A key is for one of: {' '.join(ASSERTION_ALGORITHMS)}")
    if len({key.thumbprint for key in keys}) != len(keys):
        raise InvalidClientMetadata("The jwks holds a key twice.")
    return keys


def _name(given: Mapping[str, Any]) -> str:
    name = _text(given, "client_name", "")
    if len(name) > MAX_TEXT or not name.isprintable():
        raise InvalidClientMetadata(
            f"The client_name is one line of at most {MAX_TEXT} printable characters."
        )
    return name


def _scope(given: Mapping[str, Any]) -> Scope | None:
    text = _text(given, "scope", "")
    try:
        return Scope.parse(text) if text else None
    except InvalidScope as error:
        raise InvalidClientMetadata(error.description) from error


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        raise InvalidClientMetadata(f"The member {name} is a text.")
    return value


def _texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidClientMetadata(f"The member {name} is an array of texts.")
    return tuple(dict.fromkeys(value))


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise InvalidClientMetadata(f"The member {name} is true or false.")
    return value
