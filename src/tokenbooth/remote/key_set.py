"""An issuer's key set, kept fresh: one fetch in flight, cooldown, last good keys if it is down."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Self

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.protocol.errors import KeyRefused, ProtocolError
from tokenbooth.protocol.keys import KeySet, VerificationKey, parse_key_set
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request
from tokenbooth.remote.flight import SingleFlight

COOLDOWN = 30.0
MAX_AGE = 600.0
KEEP_STALE = 24 * 3600.0
MIN_TRUST = 0.5  # seconds; less would ask for every token
MAX_KEY_SET_BYTES = 512 * 1024


class RemoteKeySet:
    """The keys at a URL, or at the URL that `url()` finds out (called where blocking is fine).

    A fetch follows the one before by `cooldown` seconds at least, counted from its start; after
    a failure it is 1 s, doubling up to `cooldown`. Keys older than `max_age` are fetched anew in
    the background; while that fails, the last good ones serve up to `keep_stale`.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        fetch: Fetch,
        clock: Clock = SYSTEM_CLOCK,
        *,
        cooldown: float = COOLDOWN,
        max_age: float = MAX_AGE,
        keep_stale: float = KEEP_STALE,
        timeout: float = 5.0,
        parse: Callable[[bytes], KeySet] = parse_key_set,
    ) -> None:
        self._url: Callable[[], str] = (lambda: url) if isinstance(url, str) else url
        self._fetch = fetch
        self._clock = clock
        self._cooldown = cooldown
        self._max_age = max_age
        self._keep_stale = keep_stale
        self._timeout = timeout
        self._parse = parse
        self._flight: SingleFlight[bool] = SingleFlight(threads=1)
        self._held: tuple[KeySet, float] | None = None  # the keys, and when they were asked for
        self._attempted: float | None = None
        self._failures = 0
        self._failure = ""

    @classmethod
    def trusted_for(
        cls, seconds: float | None, url: str | Callable[[], str], fetch: Fetch, clock: Clock
    ) -> Self:
        """Return a key set that trusts no key for longer without asking; raises ValueError.

        None: as usual, so a key that was withdrawn may be trusted for a while.
        """
        if seconds is None:
            return cls(url, fetch, clock)
        if seconds < MIN_TRUST:
            raise ValueError(f"key_set_seconds must be at least {MIN_TRUST:g} seconds")
        cooldown = min(seconds, COOLDOWN)
        return cls(url, fetch, clock, cooldown=cooldown, max_age=seconds, keep_stale=seconds)

    def keys_now(self, kid: str | None, alg: str) -> tuple[VerificationKey, ...]:
        """Return the fitting keys in memory, at once; stale ones are refreshed behind the back."""
        held = self._held
        if held is None:
            return ()
        keys, asked = held
        age = self._clock.monotonic() - asked
        if age > (self._max_age if keys.max_age is None else keys.max_age):
            self.refresh()
            # A withdrawn key must not be trusted forever because the issuer is down.
            if age > self._keep_stale:
                return ()
        return keys.candidates(kid, alg)

    def refresh(self) -> "Future[bool]":
        """Fetch the keys, unless that happened within the cooldown.

        True: the keys are as new as the cooldown allows, so an unknown key is unknown.
        False: the issuer could not be asked, so an unknown key is neither good nor bad.
        """
        if not self._flight.under_way(0) and self.is_cooling_down:
            done: Future[bool] = Future()
            done.set_result(self._failures == 0)
            return done
        return self._flight.join(0, self._fetch_once)

    @property
    def is_cooling_down(self) -> bool:
        """Tell whether the last fetch began so recently that none may follow."""
        attempted, failures = self._attempted, self._failures
        if attempted is None:
            return False
        pause = min(self._cooldown, 2.0 ** min(failures - 1, 16)) if failures else self._cooldown
        return self._clock.monotonic() - attempted < pause

    @property
    def is_fresh(self) -> bool:
        """Tell whether the keys in memory are younger than their maximum age."""
        held = self._held
        return held is not None and self._clock.monotonic() - held[1] <= self._max_age

    @property
    def failure(self) -> str:
        """Why the last fetch failed; empty when it did not."""
        return self._failure

    def _fetch_once(self) -> bool:
        if self.is_cooling_down:  # Another caller's fetch ended between our look and our joining.
            return self._failures == 0
        asked = self._clock.monotonic()
        self._attempted = asked
        try:
            keys = self._fetched()
        except (FetchFailed, ProtocolError, ValueError) as error:
            self._failure = str(error)
            self._failures += 1
            return False
        # A late answer must not replace a newer one.
        if self._held is None or self._held[1] <= asked:
            self._held = (keys, asked)
        self._failures, self._failure = 0, ""
        return True

    def _fetched(self) -> KeySet:
        url = self._url()
        request = Request(method="GET", url=url, timeout=self._timeout, max_bytes=MAX_KEY_SET_BYTES)
        answer = self._fetch(request)
        if answer.status != 200:
            text = f"The key set's place answered {answer.status}."
            raise FetchFailed("status", text, is_transient=True)
        keys = self._parse(answer.body)
        if not len(keys):
            raise KeyRefused("The key set holds no usable key.")
        return keys
