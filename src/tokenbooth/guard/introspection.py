"""Opaque tokens, about which only their issuer can tell (RFC 7662)."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tokenbooth.clock import Clock
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.issuer import Issuer
from tokenbooth.guard.memory import Memory, fingerprint
from tokenbooth.guard.own_credentials import Authorization
from tokenbooth.guard.steps import Steps
from tokenbooth.guard.watch import Watch
from tokenbooth.guard.wording import expired, oddly_bound, wrong_audience
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.confirmation import Confirmation, read_confirmation
from tokenbooth.protocol.errors import (
    GuardUnavailable,
    InvalidScope,
    InvalidToken,
    TokenRefused,
)
from tokenbooth.protocol.scope import Scope
from tokenbooth.remote.flight import SingleFlight

REFUSED_FOR = 5.0  # seconds for which a "no" is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """A caller or a refusal, and until when it need not be asked for again."""

    caller: Caller | InvalidToken
    until: float  # monotonic


class Introspection:
    """Asks the issuer about tokens: once per token and `cache_seconds`, never past `exp`."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        audience: str,
        clock: Clock,
        leeway: float,
        cache_seconds: float,
        cache_size: int,
        watch: Watch,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._leeway = leeway
        self._cache_seconds = cache_seconds
        self._watch = watch
        # Apart, so that a flood of bad tokens cannot push the good ones out.
        self._good: Memory[_Verdict] = Memory(cache_size)
        self._bad: Memory[_Verdict] = Memory(cache_size)
        self._flight: SingleFlight[_Verdict] = SingleFlight()

    def verify(self, unverified_token: str, authorization: Authorization) -> Steps[Caller]:
        """Return the caller; `authorization` proves that we may ask. Raises BearerError."""
        key = fingerprint(unverified_token)
        verdict = self._remembered(key)
        self._watch.judged("introspected" if verdict is None else "remembered")
        if verdict is None:
            future = self._flight.join(
                key, lambda: self._verdict(key, unverified_token, authorization)
            )
            yield future
            verdict = future.result()
        if isinstance(verdict.caller, Caller):
            self._check_time(verdict.caller)
            return verdict.caller
        # Many requests share the verdict, but none may share an exception and its traceback.
        raise InvalidToken(verdict.caller.description, reason=verdict.caller.reason)

    def _remembered(self, key: bytes) -> _Verdict | None:
        for memory in (self._good, self._bad):
            verdict = memory.get(key)
            if verdict is not None:
                if self._clock.monotonic() < verdict.until:
                    return verdict
                memory.forget(key)
        return None

    def _verdict(self, key: bytes, token: str, authorization: Authorization) -> _Verdict:
        now = self._clock.monotonic()
        try:
            caller = self._ask(token, authorization)
        except InvalidToken as refusal:
            verdict = _Verdict(caller=refusal, until=now + min(REFUSED_FOR, self._cache_seconds))
            self._bad.put(key, verdict)
            return verdict
        verdict = _Verdict(caller=caller, until=now + self._cache_seconds)
        self._good.put(key, verdict)
        return verdict

    def _ask(self, token: str, authorization: Authorization) -> Caller:
        response = self._issuer.ask(
            self._issuer.introspection_endpoint(),
            [("token", token), ("token_type_hint", "access_token")],
            authorization=authorization(),
        )
        # Anything but a clear yes or no says nothing about the token: it is our own trouble.
        if response.status != 200:
            raise _no_answer(f"introspection_answers_{response.status}")
        try:
            answer = strict_json.parse_object(response.body)
        except ValueError as error:
            raise _no_answer("introspection_unreadable") from error
        active = answer.get("active")
        if active is False:
            raise InvalidToken(
                "The token is expired, revoked or not known to this API's issuer.",
                reason="inactive",
            )
        if active is not True:
            raise _no_answer("introspection_unreadable")
        caller = self._caller(answer)
        self._check_time(caller)
        return caller

    def _caller(self, answer: dict[str, Any]) -> Caller:
        confirmation = _confirmation(answer)
        if answer.get("iss", self._issuer.url) != self._issuer.url:
            raise InvalidToken("The token is from another issuer.", reason="wrong_issuer")
        audience = answer.get("aud")
        audience = [audience] if isinstance(audience, str) else audience
        # A token that names no API could be meant for any; it is not ours to guess.
        if not isinstance(audience, list) or not all(isinstance(a, str) for a in audience):
            raise InvalidToken("The token names no API.", reason="claim_missing")
        if self._audience not in audience:
            raise wrong_audience(audience, self._audience)
        client_id, subject, token_id = answer.get("client_id"), answer.get("sub"), answer.get("jti")
        expires_at, not_before = answer.get("exp"), answer.get("nbf")
        if not isinstance(client_id, str) or not client_id:
            raise InvalidToken("The token names no client.", reason="claim_missing")
        if not isinstance(subject, str | None) or not isinstance(token_id, str | None):
            raise InvalidToken("The token's sub or jti is no text.", reason="claim_invalid")
        if not _is_time(expires_at) or not _is_time(not_before):
            raise InvalidToken("The token's exp or nbf is no time.", reason="claim_invalid")
        if not_before is not None and self._clock.now() < not_before - self._leeway:
            raise InvalidToken("The token is not valid yet.", reason="not_yet_valid")
        return Caller(
            client_id=client_id,
            subject=subject or client_id,
            scope=_scope(answer.get("scope")),
            issuer=self._issuer.url,
            audience=tuple(audience),
            expires_at=None if expires_at is None else float(expires_at),
            token_id=token_id,
            confirmation=confirmation,
            claims=MappingProxyType(answer),
        )

    def _check_time(self, caller: Caller) -> None:
        now = self._clock.now()  # RFC 7662 §4: an answer never outlives the token
        if caller.expires_at is not None and now >= caller.expires_at + self._leeway:
            raise expired(now - caller.expires_at)


def _confirmation(answer: dict[str, Any]) -> Confirmation | None:
    try:
        confirmation = read_confirmation(answer)
    except TokenRefused as error:
        raise oddly_bound() from error
    token_type = str(answer.get("token_type", "Bearer")).lower()
    # RFC 9449 §7.2: what is bound in a way that is not told must not pass as Bearer.
    if token_type != "bearer" and (confirmation is None or token_type != "dpop"):
        raise oddly_bound()
    return confirmation


def _is_time(value: object) -> bool:
    # bool is an int in Python, and a clock never shows more than this.
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    )


def _scope(value: object) -> Scope:
    try:
        if isinstance(value, str | None):
            return Scope.parse(value or "")
    except InvalidScope as error:
        raise InvalidToken("The token's scope is malformed.", reason="claim_invalid") from error
    raise InvalidToken("The token's scope is no text.", reason="claim_invalid")


def _no_answer(reason: str) -> GuardUnavailable:
    return GuardUnavailable("The token cannot be checked now; try again later.", reason=reason)
