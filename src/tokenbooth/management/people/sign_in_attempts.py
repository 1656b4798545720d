"""Attempts to sign in: how many may fail, from where, and what is written down about it.

Guessing is slowed per member and network, per network, and per member from anywhere; a browser in
which the member signed in before counts for itself alone, so no stranger can keep a member out.
The counts are in the store: every worker and node sees the same.
"""

import math
from collections.abc import Sequence
from hashlib import sha256

from tokenbooth.management.errors import TooManyAttempts
from tokenbooth.management.people.devices import known_device
from tokenbooth.management.people.sessions import Visitor
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import AttemptBudget, Member
from tokenbooth.server.rate_limit import network_of

_SLOWED = "too_many_attempts"
_WAIT = "Too many attempts failed. Try again in {} s."


def budgets_of_email(booth: Booth, email: str, visitor: Visitor) -> list[AttemptBudget]:
    """Return what an attempt with a password counts for, whether or not there is such a member."""
    name = sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    device = known_device(booth, email, visitor.device)
    if device is not None:
        return [_budget(f"device:{device}:{name}", free=10, longest=900)]
    return [
        _budget(f"email:{name}:{_network(visitor)}", free=5, longest=900),
        budget_of_network(visitor),
        # From many networks at once; short, for it is the one that strangers can use up.
        _budget(f"email:{name}", free=200, longest=30, forgiven_after=60),
    ]


def budget_of_network(visitor: Visitor) -> AttemptBudget:
    """Return what an attempt counts for of which nothing but its origin is known."""
    return _budget(f"network:{_network(visitor)}", free=50, longest=60, forgiven_after=30)


def budget_of_member(what: str, member: Member) -> AttemptBudget:
    """Return what an attempt counts for of whom no stranger can be: a proof was shown before."""
    return _budget(f"{what}:{member.id}", free=5, longest=900)


async def take_attempt(
    booth: Booth,
    budgets: Sequence[AttemptBudget],
    visitor: Visitor,
    *,
    member: Member | None = None,
    email: str | None = None,
) -> None:
    """Count an attempt as failed before it is looked at; raises TooManyAttempts."""
    now = booth.clock.now()
    wait = await booth.store.take_attempt(budgets, now=now)
    if wait:
        # A storm of attempts is one entry of the trail in each window, on whatever node.
        window = booth.settings.audit_window_seconds
        key = f"slowed:{budgets[0].key}:{int(now // window)}"
        if (await booth.store.claim(key, now=now, expires_at=now + window)).won:
            await _record(booth, member, visitor, reason=_SLOWED, email=email)
        booth.metrics.sign_in("refused", _SLOWED)
        seconds = math.ceil(wait)
        raise TooManyAttempts(_WAIT.format(seconds), seconds=seconds)


async def forgive(booth: Booth, budgets: Sequence[AttemptBudget]) -> None:
    """Forget what failed, now that it succeeded; one failure less for what others count on too."""
    shared = [each.key for each in budgets if each.key.startswith("network:")]
    if shared:
        await booth.store.give_back_attempt(shared)
    await booth.store.forget_attempts([each.key for each in budgets if each.key not in shared])


async def record_refusal(
    booth: Booth, member: Member | None, visitor: Visitor, *, reason: str, email: str | None = None
) -> None:
    """Record that somebody did not get in, and the true reason."""
    await _record(booth, member, visitor, reason=reason, email=email)
    booth.metrics.sign_in("refused", reason)


async def _record(
    booth: Booth, member: Member | None, visitor: Visitor, *, reason: str, email: str | None
) -> None:
    actor = Actor(
        kind="visitor",
        rights=frozenset(),
        source=visitor.source,
        request_id=visitor.request_id,
    )
    event = booth.acting_as(actor).event(
        "sign_in_refused",
        account=None if member is None else member.account,
        subject=email if member is None else member.email,
        reason=reason,
    )
    await booth.store.add_events([event])


def _network(visitor: Visitor) -> str:
    return network_of(visitor.source) or "none"


def _budget(key: str, *, free: int, longest: float, forgiven_after: float = 900) -> AttemptBudget:
    return AttemptBudget(key=key, free=free, longest=longest, forgiven_after=forgiven_after)
