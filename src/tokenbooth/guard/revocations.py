"""What the issuer took back, followed in the background, so that JWTs die before they expire.

The rule when the feed stops: for `max_lag` seconds the guard goes on with what it knows, then no
JWT passes any more (503) until the feed is back. A token is never good because nobody could ask.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from tokenbooth.clock import Clock
from tokenbooth.guard.issuer import Issuer
from tokenbooth.guard.steps import Steps
from tokenbooth.protocol.errors import GuardUnavailable, InvalidToken
from tokenbooth.protocol.jwt import UnverifiedJwt, read_jwt, verify_jwt
from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.protocol.revocation_feed import (
    CONTENT_TYPE,
    LINGER_SECONDS,
    MAX_PAGE_LENGTH,
    FeedPage,
    FeedRefused,
    mark,
    read_feed,
    revocation_keys,
    signing_key_name,
)
from tokenbooth.remote.fetch import Fetch, Request
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.remote.per_process import PerProcess

MAX_REVOCATIONS = 1_000_000  # in memory, about 150 bytes each
TIMEOUT = 5.0  # seconds for one page
SLOWEST_RETRY = 5.0  # seconds between attempts while the feed is away
FORGET_SECONDS = 60.0

_log = logging.getLogger("tokenbooth.guard")


class FollowedRevocations:
    """Knows which tokens are revoked. Follows the feed from the first question to `close`.

    Each process follows with a thread of its own, a forked child too.
    """

    def __init__(
        self,
        *,
        issuer: Issuer,
        keys: RemoteKeySet,
        fetch: Fetch,
        clock: Clock,
        max_lag: float,
        poll_seconds: float,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._fetch = fetch
        self._clock = clock
        self._max_lag = max_lag
        self._poll_seconds = poll_seconds
        self._follower = PerProcess(self._follow)

    @property
    def failure(self) -> str:
        """Why the feed could not be read the last time; empty when it could."""
        return self._follower.get().failure

    def marks(self, claims: Mapping[str, Any], kid: str) -> tuple[bytes, ...]:
        """Return the marks under which a token with these claims, signed so, may be revoked."""
        keys = (*revocation_keys(claims), signing_key_name(kid))
        return tuple(mark(self._issuer.url, key) for key in keys)

    def passes(self, marks: tuple[bytes, ...]) -> bool:
        """Tell at once that none of the marks is revoked; False leaves it to `refuse_revoked`."""
        follower = self._follower.get()
        known_at = follower.known_at
        return (
            known_at is not None
            and self._clock.monotonic() - known_at <= self._max_lag
            and follower.revoked.keys().isdisjoint(marks)
        )

    def refuse_revoked(self, marks: tuple[bytes, ...], issued_at: float) -> Steps[None]:
        """Raise InvalidToken when one of the marks is revoked, GuardUnavailable when unknown."""
        follower = self._follower.get()
        if not follower.first_attempt.done():
            yield follower.first_attempt
        known_at = follower.known_at
        if known_at is None or self._clock.monotonic() - known_at > self._max_lag:
            raise GuardUnavailable(
                "The token cannot be checked now; try again later.", reason="revocations_unknown"
            )
        for each in marks:
            entry = follower.revoked.get(each)
            if entry is not None and (entry[1] is None or issued_at <= entry[1]):
                raise InvalidToken("The token was revoked.", reason="revoked")

    def close(self) -> None:
        """Stop following; a later question starts anew."""
        follower = self._follower.take()
        if follower is not None:
            follower.stop()

    def _follow(self) -> "_Follower":
        reader = _Reader(self._issuer, self._keys, self._fetch, self._clock)
        follower = _Follower(reader.page, self._clock, self._poll_seconds)
        # The thread knows nothing of us, so that a guard that nobody holds any more ends it.
        weakref.finalize(self, follower.stop)
        follower.start()
        return follower


class _Reader:
    """Reads pages of the feed, and believes only what the issuer signed."""

    def __init__(self, issuer: Issuer, keys: RemoteKeySet, fetch: Fetch, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._fetch = fetch
        self._clock = clock

    def page(self, after: int) -> FeedPage:
        """Return the page behind that cursor; raises FeedRefused, FetchFailed and others."""
        endpoint = self._issuer.revocation_feed_endpoint()
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}after={after}"
        answer = self._fetch(
            Request(
                method="GET",
                url=url,
                headers={"Accept": CONTENT_TYPE},
                timeout=TIMEOUT,
                max_bytes=MAX_PAGE_LENGTH,
            )
        )
        if answer.status != 200:
            raise FeedRefused(f"The feed's place answered {answer.status}.")
        unverified = read_jwt(answer.body.decode("latin-1").strip(), max_length=MAX_PAGE_LENGTH)
        claims = verify_jwt(unverified, self._key(unverified))
        return read_feed(
            claims,
            typ=unverified.typ,
            issuer=self._issuer.url,
            after=after,
            now=self._clock.now(),
        )

    def _key(self, unverified: UnverifiedJwt) -> VerificationKey:
        candidates = self._keys.keys_now(unverified.kid, unverified.alg)
        if not candidates:
            self._keys.refresh().result()
            candidates = self._keys.keys_now(unverified.kid, unverified.alg)
        if not candidates:
            raise FeedRefused("The feed is signed with a key that its issuer does not publish.")
        return candidates[0]


class _Follower:
    """One process' thread, and what it has learned. Only the thread writes."""

    def __init__(self, read: Callable[[int], FeedPage], clock: Clock, poll_seconds: float) -> None:
        self._read = read
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._stopped = threading.Event()
        self._cursor = 0
        self._forget_at = clock.monotonic() + FORGET_SECONDS
        self.first_attempt: Future[None] = Future()
        self.first_attempt.set_running_or_notify_cancel()
        self.revoked: dict[bytes, tuple[float, float | None]] = {}  # expiry, `before`
        self.known_at: float | None = None  # monotonic; nothing revoked until then is missing
        self.failure = ""

    def start(self) -> None:
        """Begin to follow."""
        try:
            threading.Thread(target=self._run, name="tokenbooth-feed", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down: nothing is known, nothing passes
            self.first_attempt.set_result(None)

    def stop(self) -> None:
        """End the thread after the page that it is reading."""
        self._stopped.set()

    def _run(self) -> None:
        pause = self._poll_seconds
        while not self._stopped.is_set():
            try:
                self._catch_up()
            except Exception as error:  # noqa: BLE001 - whatever happens, the next round comes
                pause = min(max(self._poll_seconds, 2 * pause), SLOWEST_RETRY)
                self._note_failure(error)
            else:
                pause = self._poll_seconds
                self.failure = ""
            if not self.first_attempt.done():
                self.first_attempt.set_result(None)
            self._stopped.wait(pause)

    def _note_failure(self, error: Exception) -> None:
        failure = getattr(error, "reason", "") or str(error)
        if failure != self.failure:  # once, not every second
            _log.warning("the revocation feed cannot be read: %s", failure)
        self.failure = failure

    def _catch_up(self) -> None:
        while not self._stopped.is_set():
            page = self._read(self._cursor)
            self._take(page)
            self._cursor = page.cursor
            if page.is_last:
                # A page out of somebody's cache is as old as it says, not as new as it arrived.
                age = max(0.0, self._clock.now() - page.as_of)
                known_at = self._clock.monotonic() - age
                self.known_at = max(known_at, self.known_at or known_at)
                break
        if self._clock.monotonic() >= self._forget_at:
            self._forget_expired()

    def _take(self, page: FeedPage) -> None:
        for entry in page.entries:
            expires_at, before = entry.expires_at, entry.before
            known = self.revoked.get(entry.mark)
            if known is not None:  # never less than was known, even if the issuer starts over
                expires_at = max(expires_at, known[0])
                before = None if None in (before, known[1]) else max(before or 0, known[1] or 0)
            self.revoked[entry.mark] = (expires_at, before)
        if len(self.revoked) > MAX_REVOCATIONS:
            self._forget_expired()
        if len(self.revoked) > MAX_REVOCATIONS:
            raise FeedRefused(f"The feed holds more than {MAX_REVOCATIONS} revocations.")

    def _forget_expired(self) -> None:
        self._forget_at = self._clock.monotonic() + FORGET_SECONDS
        end = self._clock.now() - LINGER_SECONDS
        for each in [each for each, entry in self.revoked.items() if entry[0] < end]:
            del self.revoked[each]
