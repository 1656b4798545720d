"""Counts what becomes of requests: a look-up and a few additions a request, and bounded labels."""

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.families import BUCKETS, Family
from tokenbooth.server.metrics.numbers import NoRoom, Numbers
from tokenbooth.server.outcome import Outcome

OTHER = "other"  # what a label says when there are too many series to tell apart
_SEVERAL = "several"
_WIDTH = len(BUCKETS) + 2  # the numbers of a histogram: each bucket, what is beyond, the sum
_SUM = _WIDTH - 1
_LIMITS = ("failures_of_client", "failures_of_source", "quota_used_up")
_MOST_KINDS = 20_000
_WORD = re.compile(r"[a-zA-Z0-9_]{1,64}")

_Kind = tuple[str, str, str, str, str, str, tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where requests of one kind are counted."""

    slots: tuple[int, ...]
    duration: int


class Metrics:
    """What this process counts. Names of clients are in no label: there are too many."""

    __slots__ = ("_followed", "_kinds", "asked", "numbers")

    def __init__(self, numbers: Numbers | None = None) -> None:
        self.numbers = numbers or Numbers.alone()
        self._kinds: dict[_Kind, _Places] = {}
        self._followed: dict[int, float] = {}
        # What only the program around the service knows: asked when the worker measures itself.
        self.asked: dict[Family, Callable[[], float]] = {}

    def answered(
        self, endpoint: str, issuer: str, outcome: Outcome, *, status: int, seconds: float
    ) -> None:
        """Count a request to an endpoint of an issuer."""
        kind = (
            endpoint,
            issuer,
            outcome.result,
            outcome.reason,
            outcome.method,
            outcome.token_format,
            outcome.audience,
            status,
        )
        places = self._kinds.get(kind) or self._open(kind)
        values = self.numbers.values
        for slot in places.slots:
            values[slot] += 1.0
        first = places.duration
        values[first + bisect_left(BUCKETS, seconds)] += 1.0
        values[first + _SUM] += seconds
        if "observed" in outcome.fields:
            self._count_observed(issuer, outcome)

    def elsewhere(self, endpoint: str, status: int, seconds: float | None = None) -> None:
        """Count a request that no issuer answers: to the console, say."""
        self.count(families.HTTP_REQUESTS, endpoint, str(status))
        if seconds is not None:
            self.observe(seconds, families.HTTP_SECONDS, endpoint)

    def store_called(self, operation: str, seconds: float, *, has_failed: bool) -> None:
        """Count a call to the database, and whether it was there."""
        self.observe(seconds, families.STORE_SECONDS, operation)
        if has_failed:
            self.count(families.STORE_ERRORS, operation)

    def sign_in(self, outcome: str, reason: str = "") -> None:
        """Count an attempt to sign in: it `succeeded` or was `refused`."""
        self.count(families.SIGN_INS, outcome, _word(reason))

    def count(self, family: Family, *labels: str) -> None:
        """Count one."""
        self.numbers.values[self._slot(family, *labels)] += 1.0

    def observe(self, seconds: float, family: Family, *labels: str) -> None:
        """Count a duration."""
        values, first = self.numbers.values, self._slot(family, *labels)
        values[first + bisect_left(BUCKETS, seconds)] += 1.0
        values[first + _SUM] += seconds

    def follow(self, total: float, family: Family, *labels: str) -> None:
        """Count up to what something has counted by itself since this process started."""
        slot = self._slot(family, *labels)
        self.numbers.values[slot] += total - self._followed.get(slot, 0.0)
        self._followed[slot] = total

    def set(self, value: float, family: Family) -> None:
        """Note what is measured of this worker."""
        self.numbers.values[self._slot(family)] = value

    def _open(self, kind: _Kind) -> _Places:
        endpoint, issuer, result, reason, method, token_format, audience, status = kind
        slots = [self._slot(families.HTTP_REQUESTS, endpoint, str(status or "none"))]
        if endpoint == "token":
            labels = (issuer, result, _word(reason), _word(method))
            slots.append(self._slot(families.TOKEN_REQUESTS, *labels))
            duration = self._slot(families.TOKEN_SECONDS, issuer)
        else:
            duration = self._slot(families.HTTP_SECONDS, endpoint)
        if result == "issued":
            meant = audience[0] if len(audience) == 1 else _SEVERAL if audience else ""
            slots.append(self._slot(families.TOKENS_ISSUED, issuer, token_format, meant))
        elif result in ("active", "inactive"):
            active = "true" if result == "active" else "false"
            slots.append(self._slot(families.INTROSPECTIONS, issuer, active))
        elif result == "revoked":
            slots.append(self._slot(families.REVOCATIONS, issuer))
        elif reason in _LIMITS:
            slots.append(self._slot(families.RATE_LIMITED, issuer, reason, "true"))
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        places = self._kinds[kind] = _Places(tuple(slots), duration)
        return places

    def _count_observed(self, issuer: str, outcome: Outcome) -> None:
        for limit in outcome.observed_reasons():
            if limit in _LIMITS:
                self.count(families.RATE_LIMITED, issuer, limit, "false")

    def _slot(self, family: Family, *labels: str) -> int:
        width = _WIDTH if family.kind == "histogram" else 1
        try:
            return self.numbers.slot((family.name, *labels), width=width)
        except NoRoom:
            rest = (family.name, *(OTHER for _ in labels))
            return self.numbers.slot(rest, width=width, is_rest=True)


def _word(text: str) -> str:
    # Reasons are words of ours. Should one ever carry what a stranger sent, it makes no series.
    return text if not text or _WORD.fullmatch(text) else OTHER
