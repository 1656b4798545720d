"""Hand out a currently valid token, whoever asks: threads, tasks of any event loop, forks."""

import asyncio
import logging
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tokenbooth.client.cache import HeldRefreshToken, HeldToken
from tokenbooth.client.certificate import (
    CertificateSource,
    CertifiedFetch,
    ClientCertificate,
)
from tokenbooth.client.configuration import check_auth_method, check_place, wish_for
from tokenbooth.client.credentials import SecretSource
from tokenbooth.client.dpop import prover_of
from tokenbooth.client.endpoint import TokenEndpoint
from tokenbooth.client.errors import ConfigurationRefused, Failure
from tokenbooth.client.exchange import HandedIn
from tokenbooth.client.pacing import Pacing
from tokenbooth.client.private_key import KeySource
from tokenbooth.client.proof import proof_of
from tokenbooth.client.renewal import Granted, Outcome, Renewal
from tokenbooth.client.token import Token
from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.protocol.dialects import STANDARD, Dialect
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.address import AddressRefused, checked_address, shown
from tokenbooth.remote.fetch import Fetch, HttpFetch, default_tls
from tokenbooth.remote.flight import SingleFlight
from tokenbooth.remote.per_process import PerProcess
from tokenbooth.remote.tracing import TracedFetch, Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from tokenbooth.client.httpx2 import SourceAuth

DROPS, DROPS_WITHIN = 5, 60.0

_log = logging.getLogger("tokenbooth.client")


class _State:
    """What a forked child must not take over: its parent goes on using the refresh token."""

    __slots__ = ("failed", "failure", "quiet_until", "refresh")

    def __init__(self) -> None:
        self.refresh: HeldRefreshToken | None = None
        self.failure: Failure | None = None
        self.quiet_until = 0.0
        self.failed = 0


class TokenSource:
    """Fetches a token when first asked, renews it ahead of its end, and hands it to everybody.

    Give an `issuer`, whose metadata tells the rest, or the `token_url` itself; and one proof of
    who is calling: a `secret`, a `private_key`, an `assertion`, the token that the platform gives
    this workload, or a TLS `certificate`, which beside another proof only binds the tokens. One
    source serves any number of threads and event loops; together they have one token request in
    flight.

    With `dpop=True`, or a key, its tokens are bound to that key: whoever steals one cannot use it
    (RFC 9449). A key that is not given is made, and never leaves this process.

    With `traces` each request to the token service is an OpenTelemetry span, at a provider or at
    the application's own, and goes on the trace of whoever asked for the token.
    """

    def __init__(
        self,
        *,
        client_id: str,
        secret: SecretSource | None = None,
        private_key: KeySource | None = None,
        assertion: SecretSource | None = None,
        certificate: CertificateSource | None = None,
        issuer: str | None = None,
        token_url: str | None = None,
        scope: str | Iterable[str] | None = None,
        resource: str | Iterable[str] | None = None,
        parameters: Mapping[str, str] | None = None,
        dialect: str | Dialect = STANDARD,
        auth_method: str | None = None,
        allow_plain_http_for_development: bool = False,
        dpop: bool | KeySource = False,
        timeout: float = 10.0,
        pacing: Pacing | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock = SYSTEM_CLOCK,
        fetch: Fetch | None = None,
        traces: "bool | TracerProvider" = False,
    ) -> None:
        self._allow_plain_http = allow_plain_http_for_development
        check_place(issuer, token_url, allow_plain_http=self._allow_plain_http)
        wish = wish_for(client_id, scope, resource, parameters, dialect)
        check_auth_method(auth_method, client_id)
        proving = proof_of(
            secret=secret,
            private_key=private_key,
            assertion=assertion,
            has_certificate=certificate is not None,
            client_id=client_id,
            issuer=issuer,
            auth_method=auth_method,
            clock=clock,
        )
        self._shown = f"client_id={client_id!r}, " + (
            f"token_url={shown(token_url)!r}" if token_url else f"issuer={shown(issuer or '')!r}"
        )
        self._tls = tls if certificate is None else tls or default_tls()
        self._certificate = (
            None
            if self._tls is None or certificate is None
            else ClientCertificate(certificate, self._tls)
        )
        self._own_fetch = HttpFetch(
            allow_plain_http_for_development=self._allow_plain_http, tls=self._tls
        )
        self._clock = clock
        self._monotonic = clock.monotonic
        self._pacing = pacing or Pacing()
        fetch = fetch or self._own_fetch
        if self._certificate is not None:
            fetch = CertifiedFetch(fetch, self._certificate)
        tracing = Tracing.of(traces)
        if tracing is not None:
            fetch = TracedFetch(fetch, tracing)
        self._prover = prover_of(dpop=dpop, clock=clock)
        self._renewal = Renewal(
            wish=wish,
            endpoint=TokenEndpoint(
                issuer=issuer,
                token_url=token_url,
                dialect=wish.dialect,
                auth_method=proving.method,
                has_certificate=certificate is not None,
                fetch=fetch,
                clock=clock,
            ),
            read_secret=proving.read,
            fetch=fetch,
            clock=clock,
            pacing=self._pacing,
            timeout=timeout,
            prover=self._prover,
        )
        self._held: HeldToken | None = None
        self._state = PerProcess(_State)
        self._flight: SingleFlight[Outcome] = SingleFlight(threads=1)
        self._lock = PerProcess(threading.Lock)
        self._drops: deque[float] = deque(maxlen=DROPS)

    def token(self) -> Token:
        """Return a valid token; blocks only while one is fetched.

        Raises TokenRequestRefused, TokenEndpointDown or SecretUnavailable.
        """
        held = self._held
        if held is not None and self._monotonic() < held.renew_at:
            return held.token
        pending = self._pending()
        if isinstance(pending, Token):
            return pending
        try:
            return self._settled(pending.result(self._patience()))
        except TimeoutError:
            return self._good() or self._settled(pending.result())

    async def atoken(self) -> Token:
        """Return a valid token; never blocks the event loop, and belongs to none."""
        held = self._held
        if held is not None and self._monotonic() < held.renew_at:
            return held.token
        pending = self._pending()
        if isinstance(pending, Token):
            return pending
        waiting = asyncio.wrap_future(pending)
        try:
            await asyncio.wait((waiting,), timeout=self._patience())
            old = None if waiting.done() else self._good()
            return old or self._settled(await waiting)
        finally:
            waiting.cancel()

    def exchange(
        self,
        unverified_subject_token: str,
        *,
        scope: str | Iterable[str] | None = None,
        resource: str | Iterable[str] | None = None,
        as_actor: bool = False,
    ) -> Token:
        """Exchange a token that a caller sent for one to send on (RFC 8693); blocks meanwhile.

        With `as_actor` the new token says that this client acts for the subject. Nothing is
        kept: each call is a request. Raises what `token` raises.
        """
        wish = self._renewal.wish
        asked = wish_for(wish.client_id, scope, resource, dict(wish.parameters), wish.dialect)
        actor = Secret(self.token().access_token) if as_actor else None
        handed_in = HandedIn(subject_token=Secret(unverified_subject_token), actor_token=actor)
        exchanging = replace(self._renewal, wish=asked, handed_in=handed_in)
        outcome = exchanging.run(None, is_urgent=True)
        if isinstance(outcome, Granted):
            return outcome.held.token
        raise outcome.as_error()

    async def aexchange(
        self,
        unverified_subject_token: str,
        *,
        scope: str | Iterable[str] | None = None,
        resource: str | Iterable[str] | None = None,
        as_actor: bool = False,
    ) -> Token:
        """Exchange a token as `exchange` does, without blocking the event loop."""
        return await asyncio.to_thread(
            self.exchange,
            unverified_subject_token,
            scope=scope,
            resource=resource,
            as_actor=as_actor,
        )

    def drop(self, token: Token) -> bool:
        """Stop handing out `token`, which an API refused; tell whether another may be had.

        Only the token that was refused is dropped, never a newer one, and only a few a minute:
        an API that refuses every token must not turn each call into a token request.
        """
        with self._lock.get():
            held = self._held
            if held is None or held.token.access_token != token.access_token:
                return True
            now = self._monotonic()
            if len(self._drops) == DROPS and now - self._drops[0] < DROPS_WITHIN:
                return False
            self._drops.append(now)
            self._held = None
            self._state.get().refresh = None
            return True

    @property
    def auth(self) -> "SourceAuth":
        """What httpx2, httpx, requests and niquests take as `auth`."""
        from tokenbooth.client.httpx2 import auth_for

        return auth_for(self)

    def headers(self, token: Token, method: str, url: str) -> dict[str, str]:
        """Return the headers that carry `token` in one call: with DPoP, each call has its own.

        Raises ConfigurationRefused where the token would go out in the clear.
        """
        self.check_target(url)
        carrying = {"Authorization": token.authorization}
        if self._prover is not None:
            carrying["DPoP"] = self._prover.for_call(method, url, token.access_token)
        return carrying

    def note_nonce(self, url: str, unverified_nonce: str | None) -> bool:
        """Use an API's DPoP-Nonce in the proofs for it; tell whether it is a new one."""
        return self._prover is not None and self._prover.note_nonce(url, unverified_nonce)

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS settings with the certificate, for the HTTP client that calls APIs.

        Tokens that are bound to the certificate work over its connections alone:
        `httpx2.Client(auth=source.auth, verify=source.tls_context())`.
        """
        if self._tls is None:
            self._tls = default_tls()
        return self._tls

    def check_target(self, url: str) -> None:
        """Refuse to send the token to this URL in the clear; raises ConfigurationRefused."""
        if url.startswith("https://"):
            return
        try:
            checked_address(url, allow_plain_http=self._allow_plain_http)
        except AddressRefused as error:
            raise ConfigurationRefused(str(error)) from error

    def close(self) -> None:
        """Close the connections to the token service."""
        self._own_fetch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TokenSource({self._shown})"

    def _pending(self) -> "Token | Future[Outcome]":
        """Return the go to wait for, or the old token while asking again would be no use."""
        failure = self._recent_failure()
        if failure is None:
            return self._flight.join("token", self._go)
        return self._settled(failure)

    def _recent_failure(self) -> Failure | None:
        state = self._state.get()
        return state.failure if self._monotonic() < state.quiet_until else None

    def _go(self) -> Outcome:
        """Get a token, in a thread of the flight: never twice at a time."""
        state, now, held = self._state.get(), self._monotonic(), self._held
        if held is not None and now < held.renew_at:
            return Granted(held=held, refresh=state.refresh)  # Somebody was faster.
        failure = self._recent_failure()
        if failure is not None:
            return failure
        refresh = state.refresh
        if refresh is not None and now >= refresh.good_until:
            refresh = None
        is_urgent = held is None or now >= held.good_until
        outcome = self._renewal.run(refresh, is_urgent=is_urgent)
        if isinstance(outcome, Granted):
            with self._lock.get():
                self._held, state.refresh = outcome.held, outcome.refresh
            state.failure, state.quiet_until, state.failed = None, 0.0, 0
        else:
            state.failed += 1
            state.failure = outcome
            state.quiet_until = self._monotonic() + self._pacing.before_go(state.failed, outcome)
            if not is_urgent:  # Otherwise whoever asks is told by an error.
                _log.warning("the token of %s is not renewed: %s", self._shown, outcome.text)
        return outcome

    def _good(self) -> Token | None:
        held = self._held
        return held.token if held is not None and self._monotonic() < held.good_until else None

    def _patience(self) -> float | None:
        return None if self._good() is None else self._pacing.soft_wait

    def _settled(self, outcome: Outcome) -> Token:
        if isinstance(outcome, Granted):
            return outcome.held.token
        # A token that is still good stays in use, whatever became of its renewal.
        good = self._good()
        if good is not None:
            return good
        raise outcome.as_error()
