"""Who may do what: tokens of the default issuer, checked by the guard and against revocations."""

from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.openapi.models import OAuth2, OAuthFlowClientCredentials, OAuthFlows
from fastapi.security.base import SecurityBase

from tokenbooth.guard import Caller, Guard, Refusal
from tokenbooth.guard.asgi import request_url, token_headers
from tokenbooth.guard.possession import algorithms_text
from tokenbooth.guard.refusal import RefusalWords
from tokenbooth.management.clients.bounds import management_scopes
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.rest.idempotency import HEADER, take_key
from tokenbooth.management.rest.rights import NAME, SCOPES, rights_of
from tokenbooth.protocol.bearer import authorization_values, bearer_token, read_authorization
from tokenbooth.protocol.dialects import STANDARD, dialect_named
from tokenbooth.protocol.errors import BearerError, InsufficientScope, InvalidToken
from tokenbooth.protocol.jwt import read_jwt
from tokenbooth.protocol.revocation_feed import signing_key_name
from tokenbooth.protocol.scope import Scope
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Client
from tokenbooth.server.revocations import are_revoked


class Gate:
    """Lets a caller through whose token is good now and has the scope."""

    def __init__(self, guard: Guard, booth: Booth) -> None:
        self._guard = guard
        self._booth = booth
        self._words = RefusalWords(
            dialect=dialect_named(STANDARD),
            realm=None,
            basic_realm=None,
            dpop_algorithms=algorithms_text(),
        )

    async def verify(self, request: Request, scope: Scope) -> Caller:
        """Return the caller; raises Refusal or StoreUnavailable."""
        asgi = request.scope
        caller = await self._guard.verify(
            token_headers(asgi),
            request.method,
            request_url(asgi),
            scopes=scope,
            certificate=partial(self._guard.certificates.find, asgi),
        )
        # The guard alone would learn of a revocation later, or never.
        issued_at = float(caller.claims["iat"])
        store = self._booth.store
        if await are_revoked(caller.claims, issued_at, DEFAULT_ISSUER, store):
            raise self._refusal(InvalidToken("The token was revoked.", reason="revoked"))
        if await store.find_revoked(DEFAULT_ISSUER, [self._key_name(request)]):
            raise self._refusal(InvalidToken("The token's key was pulled.", reason="pulled_key"))
        return caller

    async def booth_of(self, caller: Caller, request: Request) -> Booth:
        """Return the booth for the caller: what it may, and whose, and from where it calls."""
        registered = await self._booth.store.get_client(DEFAULT_ISSUER, caller.client_id)
        if registered is None:
            raise self._refusal(InvalidToken("The client is gone.", reason="client_gone"))
        return self._booth.acting_as(
            Actor(
                kind="client",
                name=caller.client_id,
                # A token outlives what was withdrawn from its client, which must not take it back.
                rights=management_scopes(registered.client).intersection(caller.scope.names),
                account=registered.client.account,
                source=request.state.source,
                request_id=request.state.request_id,
            )
        )

    def _key_name(self, request: Request) -> str:
        """Return by what the key that verified the token can be revoked."""
        scheme, credentials = read_authorization(authorization_values(token_headers(request.scope)))
        kid = read_jwt(bearer_token(credentials, scheme)).kid
        # Ours all name their key; a thief's would not, to hide which one was pulled.
        if kid is None:
            raise self._refusal(InvalidToken("The token names no key.", reason="no_kid"))
        return signing_key_name(kid)

    def check_holds(self, caller: Caller, rights: tuple[str, ...]) -> None:
        """Refuse a caller without all these scopes of this API; raises Refusal.

        Whoever could give more rights than it has, would have them all.
        """
        needed = Scope.of(rights)
        if not set(needed.names).issubset(caller.scope.names):
            missing = needed - caller.scope
            raise self._refusal(
                InsufficientScope(
                    f"The client may have the scope {missing}, which the token lacks.",
                    needed=str(needed),
                )
            )

    def _refusal(self, error: BearerError) -> Refusal:
        return self._words.refusal(error)


class _Requirement(SecurityBase):
    """The dependency behind `require`, which OpenAPI shows as a security scheme."""

    scheme_name = "AccessToken"

    def __init__(self, scope: str) -> None:
        # The address of the token endpoint is filled in where the document is made.
        flow = OAuthFlowClientCredentials(tokenUrl="", scopes=dict(SCOPES))
        self.model = OAuth2(flows=OAuthFlows(clientCredentials=flow))
        self._scope = Scope.parse(scope)

    async def __call__(self, request: Request) -> Caller:
        gate: Gate = request.app.state.gate
        caller = await gate.verify(request, self._scope)
        request.state.caller = caller
        request.state.booth = booth = await gate.booth_of(caller, request)
        key = request.headers.get(HEADER)
        if key is not None and request.method == "POST":
            request.state.taken = await take_key(
                booth,
                key,
                caller=caller.client_id,
                method=request.method,
                target=str(request.url.replace(scheme="", netloc="")),
                body=await request.body(),
            )
        return caller


def require(scope: str) -> Any:  # noqa: ANN401 - FastAPI types its own as Any
    """Return the dependency that lets callers through whose token has this scope."""
    return Security(_Requirement(scope), scopes=[scope])


class Keeper:
    """Refuses changes that would give a caller more than it has."""

    def __init__(self, request: Request) -> None:
        self._gate: Gate = request.app.state.gate
        self._booth: Booth = request.state.booth
        self._request = request

    async def check_client(self, client_id: str, issuer: str | None) -> Client:
        """Return the client unless it may do more here than the caller; raises Refusal, Missing.

        A secret of such a client is as good as its rights.
        """
        client = (await find_client(self._booth, client_id, issuer=issuer)).client
        self._gate.check_holds(self._caller, rights_of(client))
        return client

    def check_access(self, issuer: str, api: str, scopes: list[str] | None) -> None:
        """Refuse to give access to this very API beyond the caller's own; raises Refusal."""
        if (issuer, api) == (DEFAULT_ISSUER, NAME):
            given = tuple(name for name in SCOPES if scopes is None or name in scopes)
            self._gate.check_holds(self._caller, given)

    @property
    def _caller(self) -> Caller:
        return cast("Caller", self._request.state.caller)


def _booth(request: Request) -> Booth:
    return cast("Booth", request.state.booth)


BoothHere = Annotated[Booth, Depends(_booth)]
KeeperHere = Annotated[Keeper, Depends()]
