"""One go at getting a token: locate, prove, ask, and ask again within bounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tokenbooth.client.cache import HeldRefreshToken, HeldToken, hold
from tokenbooth.client.dpop import Prover
from tokenbooth.client.endpoint import TokenEndpoint
from tokenbooth.client.errors import Failure, SecretUnavailable
from tokenbooth.client.exchange import (
    HandedIn,
    Proof,
    Wish,
    build_token_request,
    failure_of,
    lifetime,
    read_token_response,
)
from tokenbooth.client.pacing import Pacing
from tokenbooth.client.token import Token
from tokenbooth.clock import Clock
from tokenbooth.protocol.dpop import TOKEN_TYPE as DPOP
from tokenbooth.protocol.metadata import MetadataRefused
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import BEARER, AnswerUnreadable, TokenAnswer, TokenRefusal
from tokenbooth.remote.fetch import Fetch, FetchFailed, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The token that was had, and what renews it."""

    held: HeldToken
    refresh: HeldRefreshToken | None


Outcome = Granted | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Everything that a go needs; blocks while it runs."""

    wish: Wish
    endpoint: TokenEndpoint
    read_secret: Callable[[], Secret]
    fetch: Fetch
    clock: Clock
    pacing: Pacing
    timeout: float
    prover: Prover | None = None
    handed_in: HandedIn | None = None  # then it is an exchange, and not a renewal
    sleep: Callable[[float], None] = time.sleep

    def run(self, refresh: HeldRefreshToken | None, *, is_urgent: bool) -> Outcome:
        """Return a token or why there is none; one try only where an older token still serves."""
        deadline = self.clock.monotonic() + self.pacing.deadline
        tries = self.pacing.tries if is_urgent else 1
        tried = 0
        while True:
            outcome = self._ask(refresh, deadline)
            if isinstance(outcome, Granted):
                return outcome
            tried += 1
            if not outcome.is_transient:
                if refresh is None:
                    return outcome
                # The refresh token is worn out; the credentials are what it came from.
                refresh, tried = None, 0
                continue
            pause = self.pacing.before_try(tried, outcome)
            if tried >= tries or self.clock.monotonic() + pause >= deadline:
                return outcome
            self.sleep(pause)

    def _ask(self, refresh: HeldRefreshToken | None, deadline: float) -> Outcome:
        outcome, has_new_nonce = self._ask_once(refresh, deadline)
        if has_new_nonce and isinstance(outcome, Failure) and outcome.code == "use_dpop_nonce":
            # RFC 9449 §8: once, and with everything made anew.
            outcome, _ = self._ask_once(refresh, deadline)
        return outcome

    def _ask_once(self, refresh: HeldRefreshToken | None, deadline: float) -> tuple[Outcome, bool]:
        """Return what came of one request, and whether a nonce came that was not known."""
        timeout = max(min(self.timeout, deadline - self.clock.monotonic()), 0.1)
        try:
            located = self.endpoint.locate(timeout=timeout)
            proof = Proof(
                method=located.auth_method,
                secret=self.read_secret(),
                refresh_token=refresh.refresh_token if refresh else None,
                handed_in=self.handed_in,
                dpop=self.prover.for_token_request(located.url) if self.prover else None,
            )
            request = build_token_request(self.wish, proof, url=located.url, timeout=timeout)
            asked_at, now = self.clock.monotonic(), self.clock.now()
            response = self.fetch(request)
            has_new_nonce = self.prover is not None and self.prover.note_token_nonce(
                located.url, response.headers.get("dpop-nonce")
            )
            answer = read_token_response(
                self.wish, response, token_type=DPOP if self.prover else BEARER
            )
        except SecretUnavailable as error:
            return Failure(text=str(error), reason="secret"), False
        except FetchFailed as error:
            fix = "Try again later" if error.is_transient else "Check the token URL"
            return Failure(
                text=f"{fix}: {error}", reason=error.reason, is_transient=error.is_transient
            ), False
        except MetadataRefused as error:
            return Failure(text=str(error), reason="metadata"), False
        except AnswerUnreadable as error:
            return Failure(text=str(error), reason="unreadable", status=200), False
        if isinstance(answer, TokenRefusal):
            failure = failure_of(answer, response, proof, url=located.url, now=now)
            return failure, has_new_nonce
        granted = self._granted(answer, response, refresh, asked_at=asked_at, now=now)
        return granted, has_new_nonce

    def _granted(
        self,
        answer: TokenAnswer,
        response: Response,
        refresh: HeldRefreshToken | None,
        *,
        asked_at: float,
        now: float,
    ) -> Granted:
        seconds = lifetime(answer, response, now=now)
        token = Token(
            access_token=answer.access_token.reveal(),
            token_type=answer.token_type,
            expires_at=now + seconds,
            # RFC 6749 §5.1: no scope in the answer means the one asked for.
            scope=self.wish.scope if answer.scope is None else answer.scope,
        )
        received_at = self.clock.monotonic()
        held = hold(
            token,
            lifetime=seconds,
            asked_at=asked_at,
            received_at=received_at,
            ahead=self.pacing.ahead(seconds),
        )
        return Granted(held=held, refresh=self._kept(answer, refresh, asked_at))

    def _kept(
        self, answer: TokenAnswer, before: HeldRefreshToken | None, asked_at: float
    ) -> HeldRefreshToken | None:
        if answer.refresh_token is None:
            return before  # RFC 6749 §6: the old one goes on unless a new one came
        seconds = answer.refresh_expires_in
        # Some servers say 0 for "does not end".
        end = asked_at + seconds if seconds is not None and seconds > 0 else float("inf")
        return HeldRefreshToken(refresh_token=answer.refresh_token, good_until=end)
