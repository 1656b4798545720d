"""What a token for a client would contain, without issuing one: no secret is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.management.addresses import dialect_of, service_url
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.instructions.facts import AUTHENTICATION, Facts, gather_facts
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.management.token_words import TokenWords, words_of
from tokenbooth.protocol.errors import OAuthError
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, TokenRequest
from tokenbooth.protocol.scope import Scope
from tokenbooth.server import policy
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.issuance import claims_of
from tokenbooth.server.issuer_view import view_issuer
from tokenbooth.server.keyring import NO_KEYS
from tokenbooth.server.records import Api, Credential, Issuer, RegisteredClient, TokenFormat
from tokenbooth.server.registry import KnownClient

_NO_ID = ("jti", "credential_id")  # what only a token that is issued has


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPreview:
    """A token that nobody has. Where the client would be refused now, `obstacles` say why."""

    claims: Mapping[str, Any]  # empty where the request itself would be refused
    words: TokenWords | None
    token_format: TokenFormat | None
    has_refresh_token: bool
    obstacles: tuple[str, ...]  # each with what to do about it
    notes: tuple[str, ...]  # what a request must also fulfil


async def preview_token(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    api: str | None = None,
) -> TokenPreview:
    """Decide as the token endpoint would, and issue nothing; None: the client's default API.

    Raises Missing, Ambiguous, or BadInput for a client without any API.
    """
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    owner = await find_issuer(booth, registered.client.issuer)
    facts, _ = await gather_facts(booth, owner, registered, api)
    apis = await booth.store.list_apis(owner.name)
    view = view_issuer(
        owner,
        base_url=service_url(booth),
        dialect=dialect_of(booth, owner),
        apis=tuple(apis),
        keys=NO_KEYS,
    )
    obstacles = _obstacles(booth, registered)
    try:
        decision = policy.decide(_request(facts), _caller(registered), view)
    except OAuthError as refusal:
        return TokenPreview(
            claims={},
            words=None,
            token_format=None,
            has_refresh_token=False,
            obstacles=(*obstacles, refusal.description),
            notes=(),
        )
    now = int(booth.clock.now())
    claims = claims_of(decision, view.url, token_id="", issued_at=now)
    for name in _NO_ID:
        claims.pop(name)
    return TokenPreview(
        claims=claims,
        words=words_of(
            claims,
            now=now,
            key=_key(owner, decision.token_format),
            known=descriptions_of(apis),
            binding=_binding(facts),
        ),
        token_format=decision.token_format,
        has_refresh_token=decision.refresh_lifetime is not None,
        obstacles=obstacles,
        notes=_notes(registered, facts),
    )


def descriptions_of(apis: tuple[Api, ...]) -> dict[str, str]:
    """Return what is known in words of audiences and scopes, by their names in tokens."""
    known = {scope.name: scope.description for api in apis for scope in api.scopes}
    return known | {api.audience: f"the API {api.name}" for api in apis}


def _request(facts: Facts) -> TokenRequest:
    resources = () if facts.resource is None else (facts.resource,)
    scope = Scope.parse(facts.scope)
    return TokenRequest(grant_type=CLIENT_CREDENTIALS, scope=scope, resources=resources)


def _caller(registered: RegisteredClient) -> AuthenticatedClient:
    client = registered.client
    nothing = Credential(
        id="",
        issuer=client.issuer,
        client_id=client.client_id,
        kind="secret",
        data="",
        created_at=0,
    )
    known = KnownClient(client=client, secrets=())
    return AuthenticatedClient(known=known, client=client, credential=nothing, method="none")


def _obstacles(booth: Booth, registered: RegisteredClient) -> tuple[str, ...]:
    found = []
    if not registered.client.enabled:
        found.append("The client is disabled: enable it first.")
    now = booth.clock.now()
    if not registered.credentials:
        found.append("The client has nothing to prove itself with: add a secret or a key.")
    elif not any(each.is_valid_at(now) for each in registered.credentials):
        found.append("All credentials of the client have expired: add another one.")
    return tuple(found)


def _notes(registered: RegisteredClient, facts: Facts) -> tuple[str, ...]:
    rules = registered.client.policy
    notes = [f"The client proves itself {AUTHENTICATION[facts.proof]}."]
    if rules.networks and not rules.networks_observe:
        notes.append(f"It must call from {', '.join(rules.networks)}.")
    if rules.quota_per_hour is not None and not rules.quota_observe:
        notes.append(f"It gets at most {rules.quota_per_hour} tokens an hour.")
    if facts.is_dpop_bound:
        notes.append("The request needs a DPoP proof (RFC 9449).")
    if facts.is_certificate_bound:
        notes.append("The request must come over a connection with its TLS certificate.")
    return tuple(notes)


def _key(issuer: Issuer, token_format: TokenFormat) -> str:
    if token_format == "opaque":
        return "sealed: the issuer alone can read it"
    return f"signed with {issuer.alg} by the key that the issuer uses then"


def _binding(facts: Facts) -> str | None:
    bound = []
    if facts.is_dpop_bound:
        bound.append("a key of the client (DPoP)")
    if facts.is_certificate_bound:
        bound.append("the client's TLS certificate")
    return " and ".join(bound) or None
