"""When keys come and go: published ahead of use, current, retired, gone. Plans only, does nothing.

All keys that are handed in here belong to one issuer and serve one purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tokenbooth.server.keyring import SEAL_ALG
from tokenbooth.server.records import Issuer, KeyPurpose, StoredKey

DAY = 86_400.0
# A retired key outlives its last token by that: clocks differ, and guards allow for it.
KEPT_LONGER = 3600.0
# A row outlives its key by that: a clock that is set back must find the key again.
ROW_KEPT_LONGER = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What an issuer's keys of one purpose go by. Spans in seconds."""

    purpose: KeyPurpose
    alg: str
    lifetime: float  # how long a key is current
    publish_ahead: float  # how long it is published before, so that every verifier has it
    kept: float  # how long it stays published after, so that its last token verifies


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """A key that has to be made."""

    purpose: KeyPurpose
    alg: str
    activates_at: float
    like: StoredKey | None = None  # its forerunner: it is made in the same place


def schedule_of(issuer: Issuer, purpose: KeyPurpose, longest_client_token: int | None) -> Schedule:
    """Return the schedule; `longest_client_token` is the most that a client has of its own."""
    lifetimes = [issuer.token_lifetime, longest_client_token or 0]
    if purpose == "seal":  # refresh tokens are sealed, whatever the access tokens are
        lifetimes.append(issuer.refresh_lifetime)
    return Schedule(
        purpose=purpose,
        alg=SEAL_ALG if purpose == "seal" else issuer.alg,
        lifetime=issuer.policy.key_lifetime_days * DAY,
        publish_ahead=float(issuer.policy.key_publish_ahead),
        kept=max(lifetimes) + KEPT_LONGER,
    )


def order(key: StoredKey) -> tuple[float, float, str]:
    """Order keys by who follows whom: of all that are active, the last one is current."""
    return (key.activates_at, key.created_at, key.kid)


def current_key(keys: Sequence[StoredKey], now: float) -> StoredKey | None:
    """Return the key in use at `now`."""
    active = [key for key in keys if key.activates_at <= now and not _is_retired(key, now)]
    return max(active, key=order, default=None)


def next_keys(keys: Sequence[StoredKey], now: float) -> tuple[StoredKey, ...]:
    """Return the keys that are published and not yet used."""
    return tuple(key for key in keys if key.activates_at > now)


def due(
    keys: Sequence[StoredKey], schedule: Schedule, now: float, *, like: StoredKey | None = None
) -> WantedKey | None:
    """Return the key that has to be made at `now`, if any; it is made where `like` was."""
    line = sorted((key for key in keys if not _is_retired(key, now)), key=order)
    if not line:
        return WantedKey(purpose=schedule.purpose, alg=schedule.alg, activates_at=now, like=like)
    last = line[-1]
    if last.activates_at > now:
        return None
    ends_at = last.activates_at + schedule.lifetime
    if last.alg != schedule.alg:
        ends_at = now
    if now < ends_at - schedule.publish_ahead:
        return None
    return WantedKey(
        purpose=schedule.purpose,
        alg=schedule.alg,
        # Late, for example after a winter's sleep: being published ahead comes first.
        activates_at=max(ends_at, now + schedule.publish_ahead),
        like=last,
    )


def settle(keys: Sequence[StoredKey], schedule: Schedule, now: float) -> tuple[StoredKey, ...]:
    """Return the keys with the ends that follow from their successors, without those long gone."""
    ended = [_ended(key, schedule) for key in keys if _is_retired(key, now)]
    line = sorted((key for key in keys if not _is_retired(key, now)), key=order)
    if line and line[0].activates_at > now:
        # Nothing is in use: rather a key that not every verifier has than none at all.
        line[0] = replace(line[0], activates_at=now)
    followed = [
        _ended(
            replace(_used(key, schedule, now), retires_at=successor.activates_at, expires_at=None),
            schedule,
        )
        for key, successor in pairwise(line)
    ]
    last = [
        replace(_used(key, schedule, now), retires_at=None, expires_at=None) for key in line[-1:]
    ]
    return tuple(
        key
        for key in (*ended, *followed, *last)
        if key.expires_at is None or now < key.expires_at + ROW_KEPT_LONGER
    )


def hasten(key: StoredKey, activates_at: float) -> StoredKey:
    """Return the key in use from `activates_at` on, if that is sooner."""
    return replace(key, activates_at=min(key.activates_at, activates_at))


def is_needed(key: StoredKey, now: float) -> bool:
    """Whether tokens may be about that only this key verifies or opens."""
    has_been_used = key.activates_at <= now
    return has_been_used and (key.expires_at is None or now < key.expires_at)


def _is_retired(key: StoredKey, now: float) -> bool:
    ends = [t for t in (key.retires_at, key.expires_at) if t is not None]
    return bool(ends) and min(ends) <= now


def _ended(key: StoredKey, schedule: Schedule) -> StoredKey:
    if key.retires_at is None:
        return key
    # Never sooner than was planned before: tokens of an earlier, longer lifetime may be about.
    kept = max(key.kept, schedule.kept)
    return replace(key, expires_at=max(key.expires_at or 0.0, key.retires_at + kept))


def _used(key: StoredKey, schedule: Schedule, now: float) -> StoredKey:
    """Note how long the tokens live that the key is used for now."""
    in_use = key.activates_at <= now
    return replace(key, kept=max(key.kept, schedule.kept)) if in_use else key
