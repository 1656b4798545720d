"""HTTP Basic client credentials on every call, for APIs that have always taken them (RFC 7617).

The credentials are exchanged for a token at the token service, which alone can judge them, and
that token is then checked like any other: the API never sees a secret that it would have to keep.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tokenbooth.clock import Clock
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.issuer import Issuer
from tokenbooth.guard.memory import Memory
from tokenbooth.guard.own_credentials import Authorization
from tokenbooth.guard.refusal import CredentialsRefused, NotForThisApi
from tokenbooth.guard.steps import Steps, run_blocking
from tokenbooth.protocol.client_auth import read_basic
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.errors import (
    GuardUnavailable,
    InvalidClient,
    InvalidToken,
    MalformedRequest,
    ProtocolError,
)
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import TokenRefusal, read_token_answer
from tokenbooth.remote.fetch import Response
from tokenbooth.remote.flight import SingleFlight

ACCEPTED_FOR = 60.0  # seconds at most, so that a removed secret stops working soon
REFUSED_FOR = 5.0

_NOT_FOR_THIS_API = ("access_denied", "invalid_scope", "invalid_target", "unauthorized_client")

# Finds the caller behind a token; the Authorization may be used to ask the issuer about it.
TokenCheck = Callable[[str, Authorization], Steps[Caller]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presented:
    client_id: str
    secret: Secret
    authorization: Secret  # the header as it came: the token service knows both encodings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    outcome: Caller | CredentialsRefused | NotForThisApi
    until: float  # monotonic


class LegacyBasic:
    """Checks client credentials at the token service, once per client, secret and minute."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        audience: str,
        dialect: Dialect,
        check: TokenCheck,
        clock: Clock,
        cache_size: int,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._dialect = dialect
        self._check = check
        self._clock = clock
        # The key never leaves the process, so what is remembered cannot be searched for secrets.
        self._digest_key = secrets.token_bytes(32)
        self._good: Memory[_Verdict] = Memory(cache_size)
        self._bad: Memory[_Verdict] = Memory(cache_size)
        # Its own threads: this work waits for key sets and introspection, which have theirs.
        self._flight: SingleFlight[_Verdict] = SingleFlight()

    def verify(self, unverified_credentials: str) -> Steps[Caller]:
        """Return the caller; raises BearerError. Takes what follows "Basic" in the header."""
        key = hmac.digest(
            self._digest_key, unverified_credentials.encode("utf-8", "surrogatepass"), "sha256"
        )
        verdict = self._remembered(key)
        if verdict is None:
            presented = _read(f"Basic {unverified_credentials}")
            future = self._flight.join(key, lambda: self._verdict(key, presented))
            yield future
            verdict = future.result()
        outcome = verdict.outcome
        if isinstance(outcome, Caller):
            return outcome
        # Many requests share the verdict, but none may share an exception and its traceback.
        raise type(outcome)(outcome.description, reason=outcome.reason)

    def _remembered(self, key: bytes) -> _Verdict | None:
        for memory in (self._good, self._bad):
            verdict = memory.get(key)
            if verdict is not None:
                if self._clock.monotonic() < verdict.until and self._is_current(verdict.outcome):
                    return verdict
                memory.forget(key)
        return None

    def _is_current(self, outcome: object) -> bool:
        ends = outcome.expires_at if isinstance(outcome, Caller) else None
        return ends is None or self._clock.now() < ends

    def _verdict(self, key: bytes, presented: _Presented) -> _Verdict:
        now = self._clock.monotonic()
        try:
            caller = self._exchange(presented)
        except (CredentialsRefused, NotForThisApi) as refusal:
            verdict = _Verdict(outcome=refusal.with_traceback(None), until=now + REFUSED_FOR)
            self._bad.put(key, verdict)
            return verdict
        verdict = _Verdict(outcome=caller, until=now + ACCEPTED_FOR)
        self._good.put(key, verdict)
        return verdict

    def _exchange(self, presented: _Presented) -> Caller:
        form = [("grant_type", "client_credentials")]
        authorization: Secret | None = presented.authorization
        if self._dialect.client.auth == "body":
            form += [("client_id", presented.client_id)]
            form += [("client_secret", presented.secret.reveal())]
            authorization = None
        if self._dialect.client.scope:
            form.append(("scope", self._dialect.client.scope))
        if urlsplit(self._audience).scheme:  # RFC 8707 §2: an absolute URI, or it cannot be asked
            form.append(("resource", self._audience))
        answer = self._issuer.ask(self._issuer.token_endpoint(), form, authorization=authorization)
        token = self._granted(answer)
        try:
            return run_blocking(self._check(token.reveal(), lambda: presented.authorization))
        except InvalidToken as error:
            raise _not_for_this_api(f"token_{error.reason}") from error

    def _granted(self, response: Response) -> Secret:
        try:
            answer = read_token_answer(
                status=response.status, body=response.body, dialect=self._dialect
            )
        except ProtocolError as error:
            raise _no_answer("token_answer_unreadable") from error
        if not isinstance(answer, TokenRefusal):
            return answer.access_token
        if answer.code == "invalid_client" or answer.status == 401:
            raise CredentialsRefused("The client ID or secret is not good.", reason="refused")
        if answer.code in _NOT_FOR_THIS_API:
            raise _not_for_this_api(f"refused_{answer.code}")
        # Anything else says nothing about the credentials: it is our own trouble.
        raise _no_answer(f"token_endpoint_answers_{answer.status}")


def _read(authorization: str) -> _Presented:
    try:
        read = read_basic(authorization)
    except InvalidClient as error:
        raise MalformedRequest(error.description, reason=error.reason) from error
    # RFC 7617 §2: an API's callers write id and secret as they are, without form-encoding.
    client_id, secret = read.raw_reading or (read.client_id, read.secret)
    return _Presented(client_id=client_id, secret=secret, authorization=Secret(authorization))


def _not_for_this_api(reason: str) -> NotForThisApi:
    return NotForThisApi("This client may not use this API.", reason=reason)


def _no_answer(reason: str) -> GuardUnavailable:
    return GuardUnavailable(
        "The credentials cannot be checked now; try again later.", reason=reason
    )
