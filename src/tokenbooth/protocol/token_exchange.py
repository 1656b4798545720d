"""What a token exchange asks for: another token for one that is there (RFC 8693 §2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.protocol.errors import InvalidRequest
from tokenbooth.protocol.form import Form
from tokenbooth.protocol.secret import Secret

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
TYPES = (ACCESS_TOKEN_TYPE, JWT_TYPE)  # RFC 8693 §3: those that are read and made here

MAX_ACTORS = 8  # that one token names, the present one and those before it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequest:
    """The tokens that are handed in, and the type that is wanted."""

    unverified_subject: Secret
    unverified_actor: Secret | None
    requested_type: str


def read_exchange_request(form: Form) -> ExchangeRequest:
    """Read the parameters of an exchange; raises InvalidRequest."""
    actor = form.get("actor_token")
    if actor is None and "actor_token_type" in form:
        raise InvalidRequest("The parameter actor_token_type goes with an actor_token.")
    requested = form.get("requested_token_type") or ACCESS_TOKEN_TYPE
    if requested not in TYPES:
        raise InvalidRequest(
            f"The requested_token_type is one of: {' '.join(TYPES)}", reason="token_type"
        )
    return ExchangeRequest(
        unverified_subject=_token(form, "subject_token"),
        unverified_actor=None if actor is None else _token(form, "actor_token"),
        requested_type=requested,
    )


def act_claim(actor: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return "act": who acts now, and inside it who acted before (RFC 8693 §4.1).

    Raises InvalidRequest when that is too long a row.
    """
    depth, earlier = 1, before
    while isinstance(earlier, Mapping):
        depth, earlier = depth + 1, earlier.get("act")
    if depth > MAX_ACTORS:
        raise InvalidRequest(f"A token names at most {MAX_ACTORS} actors.", reason="actors")
    return {"sub": actor} if before is None else {"sub": actor, "act": dict(before)}


def may_act(claim: object, identity: Mapping[str, str]) -> bool:
    """Whether "may_act" names this identity, by everything that it says (RFC 8693 §4.4)."""
    if not isinstance(claim, Mapping) or not claim:
        return False
    return all(name in identity and identity[name] == value for name, value in claim.items())


def _token(form: Form, name: str) -> Secret:
    token, kind = form.get(name), form.get(f"{name}_type")
    if token is None or kind is None:
        raise InvalidRequest(f"Send {name} and {name}_type together.")
    if kind not in TYPES:
        raise InvalidRequest(f"The {name}_type is one of: {' '.join(TYPES)}", reason="token_type")
    if kind == JWT_TYPE and token.count(".") != 2:
        raise InvalidRequest(f"The {name} is no JWT.", reason="token_type")
    return Secret(token)
