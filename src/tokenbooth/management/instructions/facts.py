"""The facts that instructions rest on: this deployment, its dialect, the client and one API."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tokenbooth.management.addresses import dialect_of, issuer_url, token_endpoint
from tokenbooth.management.errors import BadInput, Missing, no_such
from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import TLS_METHODS
from tokenbooth.protocol.client_auth import BASIC, POST
from tokenbooth.protocol.dialects import STANDARD, Dialect, built_in_dialects
from tokenbooth.protocol.presented_assertion import SPIFFE_JWT
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.client_keys import KIND as KEY
from tokenbooth.server.client_keys import algorithm_of
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Api, Issuer, RegisteredClient

Proof = Literal["basic", "body", "private_key", "certificate", "workload"]

MARGIN = 60  # seconds before its end in which a token is no longer used
EXAMPLE_API = "https://api.example.com/"
_KINDS = {PRIVATE_KEY_JWT: KEY, BASIC: "secret", POST: "secret"} | dict.fromkeys(
    TLS_METHODS, "certificate"
)

AUTHENTICATION: dict[Proof, str] = {
    "basic": "with its secret, by HTTP Basic",
    "body": "with its secret, in the body of the request",
    "private_key": "with a JWT that it signs with its private key",
    "certificate": "with its TLS certificate",
    "workload": "with a JWT that its platform gives it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a snippet says; every value may hold any character, so each is quoted."""

    issuer_url: str
    token_endpoint: str  # where this client asks, with its certificate if it has one
    client_id: str
    proof: Proof
    is_spiffe: bool = False
    signing_alg: str | None = None  # of its private key; None: it is not known here
    dialect: Dialect
    scope: str  # empty: none is asked for
    resource: str | None  # the audience, named only where the client has several APIs
    api_url: str  # what to call: the audience, or an example where that is no address
    lifetime: int  # seconds
    refresh_lifetime: int | None = None  # seconds; None: no refresh tokens
    is_dpop_bound: bool = False
    is_certificate_bound: bool = False

    @property
    def has_secret(self) -> bool:
        """Whether the client sends a secret."""
        return self.proof in ("basic", "body")

    @property
    def shows_certificate(self) -> bool:
        """Whether the client connects with a TLS certificate."""
        return self.proof == "certificate" or self.is_certificate_bound

    @property
    def margin(self) -> int:
        """Seconds before its end in which a token is renewed; less for one that lives shortly."""
        return MARGIN if self.lifetime >= 2 * MARGIN else self.lifetime // 4

    @property
    def is_api_url_example(self) -> bool:
        """Whether nobody here knows where the API is."""
        return self.api_url == EXAMPLE_API

    @property
    def form(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the token request that are no proof of who asks."""
        members = [("grant_type", "client_credentials")]
        if self.scope:
            members.append(("scope", self.scope))
        if self.resource is not None:
            members.append(("resource", self.resource))
        return tuple(members)

    @property
    def own_dialect(self) -> str | None:
        """The dialect's name where our client must be told; None for the standard's."""
        return None if self.dialect.name == STANDARD else self.dialect.name

    @property
    def is_dialect_built_in(self) -> bool:
        """Whether everybody's Tokenbooth knows the dialect."""
        return self.dialect.name in built_in_dialects()


async def gather_facts(
    booth: Booth, issuer: Issuer, registered: RegisteredClient, api: str | None
) -> tuple[Facts, Api]:
    """Return the facts about the client and one of its APIs; raises BadInput or Missing."""
    client = registered.client
    defined = {each.name: each for each in await booth.store.list_apis(issuer.name)}
    access = {each.api: each.scopes for each in client.access if each.api in defined}
    if not access:
        raise BadInput(
            f"The client {client.client_id!r} may call no API yet: give it access to one first."
        )
    name = next(iter(access)) if api is None else api
    if name not in access:
        where = f" that {client.client_id!r} has access to"
        raise Missing(no_such("API", name, access, where=where))
    chosen, dialect = defined[name], dialect_of(booth, issuer)
    method = _method(booth, registered, dialect)
    proof = _proof(method)
    by_certificate = proof == "certificate"
    bound = client.policy.certificate_bound
    is_certificate_bound = by_certificate if bound is None else bound
    # Whatever is registered: such an issuer gives no bearer tokens, and binds to what is shown.
    if profile_of(issuer).is_sender_constrained and by_certificate:
        is_certificate_bound = True
    must_prove_key = profile_of(issuer).is_sender_constrained and not is_certificate_bound
    known = {scope.name for scope in chosen.scopes}
    facts = Facts(
        issuer_url=issuer_url(booth, issuer),
        token_endpoint=_endpoint(booth, issuer, by_certificate=by_certificate or bool(bound)),
        client_id=client.client_id,
        proof=proof,
        is_spiffe=method == SPIFFE_JWT,
        signing_alg=_signing_alg(booth, registered) if proof == "private_key" else None,
        dialect=dialect,
        scope=" ".join(scope for scope in access[name] if scope in known),
        resource=chosen.audience if len(access) > 1 else None,
        api_url=_api_url(chosen.audience),
        lifetime=client.token_lifetime or issuer.token_lifetime,
        refresh_lifetime=(
            issuer.refresh_lifetime
            if issuer.refresh_tokens and client.refresh_tokens is not False
            else None
        ),
        is_dpop_bound=client.policy.dpop_bound or must_prove_key,
        is_certificate_bound=is_certificate_bound,
    )
    return facts, chosen


def _method(booth: Booth, registered: RegisteredClient, dialect: Dialect) -> str:
    """The way for which the client has a valid credential; among several, the dialect's own."""
    now = booth.clock.now()
    kinds = {each.kind for each in registered.credentials if each.is_valid_at(now)}
    allowed = registered.client.auth_methods
    usable = [each for each in allowed if _KINDS.get(each, "federated") in kinds] or list(allowed)
    usual = POST if dialect.client.auth == "body" else BASIC
    return usual if usual in usable and usable[0] in (BASIC, POST) else usable[0]


def _signing_alg(booth: Booth, registered: RegisteredClient) -> str | None:
    """What the newest valid key signs with."""
    now = booth.clock.now()
    keys = [each for each in registered.credentials if each.kind == KEY and each.is_valid_at(now)]
    return algorithm_of(keys[-1].data) if keys else None


def _proof(method: str) -> Proof:
    if method == BASIC:
        return "basic"
    if method == POST:
        return "body"
    if method == PRIVATE_KEY_JWT:
        return "private_key"
    if method in TLS_METHODS:
        return "certificate"
    return "workload"


def _endpoint(booth: Booth, issuer: Issuer, *, by_certificate: bool) -> str:
    """Where clients with certificates ask, they have an address of their own (RFC 8705 §5)."""
    usual, other = token_endpoint(booth, issuer), booth.settings.mtls_url
    if not by_certificate or other is None or issuer.url is not None:
        return usual
    return other.rstrip("/") + urlsplit(usual).path


def _api_url(audience: str) -> str:
    return audience if urlsplit(audience).scheme in ("http", "https") else EXAMPLE_API
