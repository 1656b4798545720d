"""Who is calling? One guard per API answers it, or says what to send back instead (RFC 6750)."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.guard.arguments import check_place, check_times, checked_algorithms
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.certificates import Certificate, CertificatePlaces, check_certificate
from tokenbooth.guard.introspection import Introspection
from tokenbooth.guard.issuer import Issuer
from tokenbooth.guard.legacy_basic import LegacyBasic
from tokenbooth.guard.own_credentials import Authorization, own_authorization
from tokenbooth.guard.possession import (
    DpopMode,
    Possession,
    algorithms_text,
    check_mode,
    refuse_bound,
)
from tokenbooth.guard.publication import Publication
from tokenbooth.guard.refusal import Refusal, RefusalWords
from tokenbooth.guard.revocations import FollowedRevocations
from tokenbooth.guard.steps import Steps, run_async, run_blocking
from tokenbooth.guard.verifier import ASYMMETRIC, JwtVerifier
from tokenbooth.guard.watch import GuardCounts, Watch
from tokenbooth.protocol.bearer import (
    BASIC,
    BEARER,
    DPOP,
    authorization_values,
    bearer_token,
    has_token_in_query,
    header_values,
    read_authorization,
)
from tokenbooth.protocol.dialects import STANDARD, Dialect
from tokenbooth.protocol.errors import (
    BearerError,
    GuardUnavailable,
    InsufficientScope,
    InvalidToken,
    MalformedRequest,
    NoToken,
    printable,
)
from tokenbooth.protocol.scope import Scope
from tokenbooth.remote.dialect_file import find_dialect
from tokenbooth.remote.fetch import Fetch, HttpFetch
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.remote.secret_source import SecretSource
from tokenbooth.remote.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_log = logging.getLogger("tokenbooth.guard")

_MISTAKEN = {
    "tbs_": "This is a client secret, not an access token; rotate it, it was sent to an API.",
    "tbr_": "This is a refresh token, not an access token; exchange it at the token endpoint.",
}


class Guard:
    """Checks the tokens that reach one API. Thread-safe, and bound to no event loop.

    `client_id` and `secret` are needed to introspect opaque tokens. With `introspect_jwts` JWTs
    are introspected as well: a revocation counts within `cache_seconds`, at a request's cost.
    With `follow_revocations` JWTs die within seconds of their revocation at no request's cost; when
    the feed is away for longer than `revocation_max_lag` seconds, no JWT passes (503).
    With `accept_basic_credentials` callers may send client credentials by HTTP Basic instead.
    DPoP-bound tokens pass with a proof; with `dpop="required"` no others do. Proofs name the URL
    that was called: `public_url` is this API's, as callers write it, unless `audience` is. With
    `dpop_nonce_key`, which all processes share, proofs must hold a fresh nonce.
    Certificate-bound tokens pass over connections with their certificate. Where a proxy ends TLS,
    `trusted_proxies` (CIDR) are those whose `client_certificate_header` is believed.
    No key is trusted for longer than `key_set_seconds` without asking if it is still published.
    With `traces` it makes OpenTelemetry spans at a provider, or at the application's own.
    With `publish_metadata` refusals name the API's own metadata (RFC 9728), with its
    `scopes_supported`; the middleware answers with it, other frameworks route to `publication`.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        client_id: str | None = None,
        secret: SecretSource | None = None,
        dialect: str | Dialect = STANDARD,
        realm: str | None = None,
        leeway: float = 0.0,
        algorithms: Iterable[str] = ASYMMETRIC,
        introspect_jwts: bool = False,
        follow_revocations: bool = False,
        revocation_max_lag: float = 60.0,
        revocation_poll_seconds: float = 1.0,
        accept_basic_credentials: bool = False,
        dpop: DpopMode = "optional",
        dpop_nonce_key: SecretSource | None = None,
        dpop_replay_size: int = 200_000,
        public_url: str | None = None,
        trusted_proxies: Iterable[str] = (),
        client_certificate_header: str = "client-cert",
        publish_metadata: bool = False,
        scopes_supported: Scope | str | Iterable[str] = (),
        resource_name: str | None = None,
        cache_seconds: float = 30.0,
        cache_size: int = 10_000,
        key_set_seconds: float | None = None,
        allow_plain_http_for_development: bool = False,
        traces: "bool | TracerProvider" = False,
        fetch: Fetch | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        check_place(issuer, audience, allow_plain_http=allow_plain_http_for_development)
        check_times(
            leeway=leeway,
            cache_seconds=cache_seconds,
            cache_size=cache_size,
            revocation_max_lag=revocation_max_lag,
            revocation_poll_seconds=revocation_poll_seconds,
        )
        allowed = checked_algorithms(algorithms)
        check_mode(dpop, takes_basic=accept_basic_credentials)
        self._authorization = own_authorization(client_id, secret)
        if introspect_jwts and self._authorization is None:
            raise ValueError("introspect_jwts needs client_id and secret")
        dialect = find_dialect(dialect)
        own = HttpFetch(allow_plain_http_for_development=allow_plain_http_for_development)
        self._own_fetch, untold = own, fetch or own
        self._watch = Watch(Tracing.of(traces))
        http = self._watch.fetching(untold)
        line = Issuer(issuer, fetch=http, clock=clock)
        self.issuer, self.audience = issuer, audience
        self._introspect_jwts = introspect_jwts
        self.publication: Publication | None = None
        if publish_metadata:
            self.publication = Publication(
                resource=audience,
                issuer=issuer,
                scopes=_as_scope(scopes_supported),
                name=resource_name,
                is_dpop_required=dpop == "required",
            )
        self._words = RefusalWords(
            dialect=dialect,
            realm=realm,
            basic_realm=(realm or audience) if accept_basic_credentials else None,
            dpop_algorithms=algorithms_text(),
            is_dpop_required=dpop == "required",
            metadata_url=self.publication.url if self.publication is not None else None,
        )
        self._possession = Possession(
            audience=audience,
            public_url=public_url,
            nonce_key=dpop_nonce_key,
            replay_size=dpop_replay_size,
            clock=clock,
        )
        self._is_dpop_required = dpop == "required"
        self.certificates = CertificatePlaces(trusted_proxies, client_certificate_header)
        self._keys = RemoteKeySet.trusted_for(key_set_seconds, line.jwks_uri, http, clock)
        self._revocations: FollowedRevocations | None = None
        if follow_revocations:
            self._revocations = FollowedRevocations(
                issuer=line,
                keys=self._keys,
                fetch=untold,  # once a second, and for no call in particular
                clock=clock,
                max_lag=revocation_max_lag,
                poll_seconds=revocation_poll_seconds,
            )
        self._jwts = JwtVerifier(
            issuer=issuer,
            audience=audience,
            keys=self._keys,
            clock=clock,
            leeway=leeway,
            algorithms=allowed,
            cache_size=cache_size,
            watch=self._watch,
            revocations=self._revocations,
        )
        self._introspection = Introspection(
            issuer=line,
            audience=audience,
            clock=clock,
            leeway=leeway,
            cache_seconds=cache_seconds,
            cache_size=cache_size,
            watch=self._watch,
        )
        self._basic: LegacyBasic | None = None
        if accept_basic_credentials:
            self._basic = LegacyBasic(
                issuer=line,
                audience=audience,
                dialect=dialect,
                check=self._bearer_caller,
                clock=clock,
                cache_size=cache_size,
            )

    def __repr__(self) -> str:
        return f"Guard(issuer={self.issuer!r}, audience={self.audience!r})"

    def close(self) -> None:
        """Stop what runs in the background, and close connections; a later use starts anew."""
        if self._revocations is not None:
            self._revocations.close()
        self._own_fetch.close()

    async def verify(
        self,
        headers: Headers,
        method: str = "GET",
        url: str = "",
        *,
        scopes: Scope | str | Iterable[str] = (),
        certificate: Certificate = None,
    ) -> Caller:
        """Return the caller behind a request; raises Refusal, which holds the answer to send.

        All of `scopes` are needed. `certificate` is the one of the TLS connection in DER, or a
        function that finds it. Nothing here blocks the event loop.
        """
        steps = self._caller(headers, method, url, scopes, certificate)
        try:
            if not self._watch.makes_spans:
                return await run_async(steps)
            with self._watch.verification(self.audience):
                return await run_async(steps)
        except BearerError as error:
            raise self._refusal(error, method, url) from error

    def verify_sync(
        self,
        headers: Headers,
        method: str = "GET",
        url: str = "",
        *,
        scopes: Scope | str | Iterable[str] = (),
        certificate: Certificate = None,
    ) -> Caller:
        """Return the caller behind a request, as `verify` does, for code without an event loop."""
        steps = self._caller(headers, method, url, scopes, certificate)
        try:
            if not self._watch.makes_spans:
                return run_blocking(steps)
            with self._watch.verification(self.audience):
                return run_blocking(steps)
        except BearerError as error:
            raise self._refusal(error, method, url) from error

    @property
    def counts(self) -> GuardCounts:
        """How tokens were judged so far, for this API's own metrics."""
        return self._watch.counts

    def resource_metadata(self) -> Mapping[str, Any]:
        """Return this API's metadata (RFC 9728), for a framework that routes to it itself."""
        if self.publication is None:
            raise ValueError("this guard publishes nothing; give it publish_metadata=True")
        return self.publication.members

    def require(self, *scopes: str) -> Any:  # noqa: ANN401 - FastAPI types its own as Any
        """Return a FastAPI dependency that yields the Caller, who has all these scopes.

        Needs the extra `tokenbooth[fastapi]`.
        """
        from tokenbooth.guard.fastapi import requirement

        return requirement(self, Scope.of(scopes))

    def _caller(
        self,
        headers: Headers,
        method: str,
        url: str,
        scopes: Scope | str | Iterable[str],
        certificate: Certificate,
    ) -> Steps[Caller]:
        if type(headers) is not dict and not isinstance(headers, Mapping):
            headers = tuple(headers)  # read twice where there is a proof
        values = authorization_values(headers)
        if url and has_token_in_query(url):
            raise _token_in_query(has_header=bool(values))
        scheme, credentials = read_authorization(values)
        if scheme == DPOP:
            proofs = header_values(headers, "dpop")
            caller = yield from self._proved_caller(credentials, proofs, method, url, scopes)
            check_certificate(caller, certificate)
            return caller
        if self._is_dpop_required:
            raise NoToken("Send a DPoP-bound token: Authorization: DPoP ...", reason="no_dpop")
        if scheme == BEARER:
            token = bearer_token(credentials)
            caller = yield from self._bearer_caller(token, None)
        elif scheme == BASIC and self._basic is not None:
            caller = yield from self._basic.verify(credentials)
        else:
            raise NoToken("Send an access token: Authorization: Bearer ...", reason="other_scheme")
        check_certificate(caller, certificate)
        if scopes:
            _check_scope(caller, scopes)
        return caller

    def _proved_caller(
        self,
        credentials: str,
        proofs: list[str],
        method: str,
        url: str,
        scopes: Scope | str | Iterable[str],
    ) -> Steps[Caller]:
        """Check a token sent as DPoP, then its proof; all refusals are about DPoP."""
        try:
            token = bearer_token(credentials, "DPoP")
            caller = yield from self._token_caller(token, None)
            self._possession.check_proof(caller, token, proofs, method, url)
            if scopes:
                _check_scope(caller, scopes)
        except BearerError as error:
            error.is_about_dpop = True
            raise
        return caller

    def _bearer_caller(self, token: str, others: Authorization | None) -> Steps[Caller]:
        """Check a token sent as Bearer, which must be bound to no key."""
        return refuse_bound((yield from self._token_caller(token, others)))

    def _token_caller(self, token: str, others: Authorization | None) -> Steps[Caller]:
        """Check a token; `others` may introspect it where the guard has no credentials."""
        authorization = self._authorization or others
        # "ey" is how every JSON object begins in Base64: the header of a JWT.
        is_jwt = token.startswith("ey") and token.count(".") == 2
        if is_jwt and not self._introspect_jwts:
            return self._jwts.verify(token)
        if token[:4] in _MISTAKEN:
            raise InvalidToken(_MISTAKEN[token[:4]], reason="no_access_token")
        if authorization is None:
            raise InvalidToken("The token is no JWT.", reason="opaque_without_introspection")
        return self._introspection.verify(token, authorization)

    def _refusal(self, error: BearerError, method: str, url: str) -> Refusal:
        self._watch.refuses(error)
        level = logging.WARNING if isinstance(error, GuardUnavailable) else logging.INFO
        if _log.isEnabledFor(level):
            path = printable(url.partition("?")[0])
            why = self._why(error.reason)
            _log.log(
                level,
                "refused %s %s: %d %s%s",
                printable(method, limit=20),
                path,
                error.status,
                error.reason,
                why,
                extra={"reason": error.reason, "status": error.status, "audience": self.audience},
            )
        return self._words.refusal(error)

    def _why(self, reason: str) -> str:
        if reason == "keys_unavailable":
            return f" ({self._keys.failure})"
        if reason == "revocations_unknown" and self._revocations is not None:
            return f" ({self._revocations.failure})"
        return ""


def _check_scope(caller: Caller, scopes: Scope | str | Iterable[str]) -> None:
    needed = _as_scope(scopes)
    if not set(needed.names).issubset(caller.scope.names):
        missing = needed - caller.scope
        raise InsufficientScope(f"The token lacks the scope {missing}.", needed=str(needed))


def _as_scope(scopes: Scope | str | Iterable[str]) -> Scope:
    if isinstance(scopes, str):
        return Scope.parse(scopes)
    return scopes if isinstance(scopes, Scope) else Scope.of(scopes)


def _token_in_query(*, has_header: bool) -> BearerError:
    if has_header:
        return MalformedRequest(
            "The URL holds an access_token beside the Authorization header; send one.",
            reason="two_methods",
        )
    return NoToken(
        "Send the token in the Authorization header; in a URL it ends up in logs.",
        reason="token_in_query",
    )
