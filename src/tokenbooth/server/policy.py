"""What may this client have? Request and client in, decision out; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenbooth.protocol import custom_claims
from tokenbooth.protocol.authorization_details import Details
from tokenbooth.protocol.confirmation import Confirmation
from tokenbooth.protocol.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.protocol.scope import Scope
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.recognition import OurToken
from tokenbooth.server.records import Api, Client, TokenFormat

_REMEMBERED_PER_CLIENT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshUse:
    """A refresh token that must be spent before anything is issued for it."""

    token: OurToken
    family: str
    generation: int
    expires_at: float
    scope: Scope  # of the refresh token, which narrowing an access token leaves as it is
    audience: tuple[str, ...]
    details: Details = ()
    is_dpop_bound: bool = False  # then no token of its family is bound to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What will be issued. Lifetimes in seconds."""

    client_id: str
    credential_id: str
    scope: Scope
    audience: tuple[str, ...]
    token_format: TokenFormat
    lifetime: int
    refresh_lifetime: int | None  # None: no refresh token
    spends: RefreshUse | None = None
    confirmation: Confirmation | None = None  # None: a bearer token
    subject: str | None = None  # None: the client itself
    actor: Mapping[str, Any] | None = None  # who acts for the subject (RFC 8693 §4.1)
    rests_on: tuple[OurToken, ...] = ()  # what must not be revoked: now, or ever after
    extra_claims: Mapping[str, Any] = field(default_factory=dict)  # never one of ours
    authorization_details: Details = ()  # RFC 9396 §2
    issued_token_type: str | None = None  # for the answer (RFC 8693 §2.2.1)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision, and the mark of the issuer's view that it rests on."""

    decision: Decision
    mark: object


def decide(request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView) -> Decision:
    """Decide on scope, audience and shape; raises InvalidScope, InvalidTarget or others.

    Clients repeat themselves, so the same question gets the same answer from memory, until
    client or issuer change: the registry then holds new ones.
    """
    question = (
        request.grant_type,
        request.scope.names,
        request.resources,
        caller.credential.id,
    )
    remembered = caller.known.decisions
    decided: _Decided | None = remembered.get(question)
    if decided is not None and decided.mark is issuer.mark:
        return decided.decision
    caller.known.decided.made += 1
    decision = _decide(request, caller, issuer)
    if len(remembered) >= _REMEMBERED_PER_CLIENT:
        remembered.clear()
    remembered[question] = _Decided(decision, issuer.mark)
    return decision


def with_copied_claims(decision: Decision, caller: AuthenticatedClient) -> Decision:
    """Add what the client's proof says of it; what the operator wrote himself goes first."""
    if not caller.copied_claims:
        return decision
    claims = {**caller.copied_claims, **decision.extra_claims}
    return replace(decision, extra_claims=claims)


def check_grant(request: TokenRequest, client: Client) -> None:
    """Refuse a grant that is not the client's; raises UnauthorizedClient."""
    if request.grant_type not in client.grant_types:
        raise UnauthorizedClient(
            f"This client may not use {request.grant_type}; it may use "
            f"{', '.join(client.grant_types) or 'no grant at all'}."
        )


def _decide(request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView) -> Decision:
    client = caller.client
    check_grant(request, client)
    access = _access(client, issuer)
    asked = Scope(tuple(s for s in request.scope.names if s not in issuer.dialect.tolerated_scopes))
    targets = (
        _named_targets(request.resources, access, issuer)
        if request.resources
        else (_implied_target(asked, access),)
    )
    allowed = tuple(dict.fromkeys(name for api in targets for name in access[api]))
    _refuse_excess(asked, allowed)
    refresh = issuer.record.refresh_tokens and client.refresh_tokens is not False
    return Decision(
        client_id=client.client_id,
        credential_id=caller.credential.id,
        scope=asked or Scope(allowed),
        audience=tuple(issuer.apis[api].audience for api in targets),
        token_format=client.token_format or issuer.record.token_format,
        lifetime=client.token_lifetime or issuer.record.token_lifetime,
        refresh_lifetime=issuer.record.refresh_lifetime if refresh else None,
        extra_claims=_custom_claims(client, [issuer.apis[api] for api in targets]),
    )


def _custom_claims(client: Client, apis: list[Api]) -> dict[str, Any]:
    """What the operator adds; a client's own claim wins, then that of the first API."""
    layers = [api.policy.claims for api in reversed(apis)]
    return custom_claims.merged([*layers, client.policy.claims])


Access = dict[str, tuple[str, ...]]  # API name -> scopes, the default API first


def _access(client: Client, issuer: IssuerView) -> Access:
    access = {grant.api: grant.scopes for grant in client.access if grant.api in issuer.apis}
    if not access:
        raise UnauthorizedClient(
            "This client has access to no API; the operator grants it.", reason="no_access"
        )
    return {name: _still_defined(issuer.apis[name], scopes) for name, scopes in access.items()}


def _still_defined(api: Api, granted: tuple[str, ...]) -> tuple[str, ...]:
    defined = {scope.name for scope in api.scopes}
    return tuple(name for name in granted if name in defined)


def _named_targets(
    resources: tuple[str, ...], access: Access, issuer: IssuerView
) -> tuple[str, ...]:
    targets = []
    for resource in resources:
        api = issuer.api_by_audience.get(resource)
        if api is None or api.name not in access:
            may_call = " ".join(issuer.apis[name].audience for name in access)
            raise InvalidTarget(f"This client may not call that resource. It may call: {may_call}")
        targets.append(api.name)
    return tuple(targets)


def _implied_target(asked: Scope, access: Access) -> str:
    """Without a resource, the first API that has all the scopes (RFC 9068 §3)."""
    for api, scopes in access.items():
        if all(name in scopes for name in asked):
            return api
    everything = [name for scopes in access.values() for name in scopes]
    _refuse_excess(asked, tuple(everything))
    raise InvalidScope(
        "These scopes belong to different APIs, and a token is for one. "
        "Ask for them in separate requests.",
        reason="scopes_of_several_apis",
    )


def _refuse_excess(asked: Scope, allowed: tuple[str, ...]) -> None:
    excess = [name for name in asked if name not in allowed]
    if not excess:
        return
    hint = " Separate scopes with spaces, not commas." if "," in excess[0] else ""
    raise InvalidScope(
        f"This client may not have the scope {excess[0]}.{hint} "
        f"It may have: {' '.join(allowed) or 'none'}"
    )
