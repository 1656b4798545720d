"""How often and after which pauses a failing token endpoint is asked again (RFC 9110 §10.2.3)."""

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tokenbooth.client.errors import Failure

_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The bounds; all in seconds but `tries`."""

    tries: int = 3  # requests in one go, while somebody waits without a token
    deadline: float = 30.0  # for one go, pauses included
    first_pause: float = 0.5  # doubles with each try of one go
    longest_pause: float = 60.0  # also the cap on Retry-After
    after_failure: float = 1.0  # until the next go; doubles with each one that fails
    after_refusal: float = 5.0  # the same, after a permanent refusal
    soft_wait: float = 2.0  # how long a renewal may keep a caller whose token is still good
    # Renewal comes up to this share of the lifetime earlier than it must, at random: with 0.1 a
    # fleet that started together spreads its requests over a tenth of the lifetime.
    spread: float = 0.0

    def ahead(self, lifetime: float) -> float:
        """Return how many seconds before it must, a token is renewed."""
        return _jitter.uniform(0.0, self.spread * lifetime) if self.spread else 0.0

    def before_try(self, tried: int, failure: Failure) -> float:
        """Return the pause before the next request of this go."""
        if failure.retry_after is not None:
            return min(failure.retry_after, self.longest_pause)
        return _jittered(min(self.first_pause * 2.0 ** (tried - 1), self.longest_pause))

    def before_go(self, failed: int, failure: Failure) -> float:
        """Return how long nobody asks after `failed` goes in a row ended in failure."""
        if failure.reason == "secret":
            return 0.0  # Nothing was sent; who puts the secret in its place need not wait.
        start = self.after_failure if failure.is_transient else self.after_refusal
        pause = _jittered(min(start * 2.0 ** min(failed - 1, 16), self.longest_pause))
        return max(pause, min(failure.retry_after or 0.0, self.longest_pause))


def retry_after_seconds(value: str, *, now: float) -> float | None:
    """Read a Retry-After header: seconds or a date; None when it is neither."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    moment = seconds_since_1970(text)
    return None if moment is None else max(moment - now, 0.0)


def seconds_since_1970(http_date: str) -> float | None:
    """Read a date as HTTP writes it (RFC 9110 §5.6.7); None when it is none."""
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _jittered(seconds: float) -> float:
    # Herd: clients that failed together must not come back together.
    return seconds * _jitter.uniform(0.75, 1.0)
