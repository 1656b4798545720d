"""How long a revocation takes to the last guard, over regions and through a cut, from one seed.

A revocation is committed at the primary. Each guard process asks a node of its region for the feed
once a second, and that node asks the primary: distance, processing, and the wait for the next look
add up. A region that is cut off hears nothing until the cut ends; its guards go on with what they
know until they have had no news for too long, and then let nothing pass.
"""

import random
from dataclasses import dataclass

POLL_SECONDS = 1.0  # revocation_poll_seconds of a guard
MAX_LAG_SECONDS = 60.0  # revocation_max_lag
_NODE_SECONDS = (0.001, 0.02)  # what a node takes for a page of the feed
_LOCAL_SECONDS = (0.0005, 0.003)  # between a guard and a node of its region
_JITTER = (1.0, 1.6)  # of a long way, as a factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where some of the guards are."""

    name: str
    away: float  # seconds to the primary and back
    cut: float = 0.0  # for so long from the revocation on, nothing comes through


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Seconds after its acknowledgement at which guards no longer pass the revoked token."""

    half: float
    most: float  # 99 of 100
    last: float
    closed: int  # guards that for a while let nothing pass, not even what is good


def simulate(region: Region, *, guards: int = 2000, seed: int = 1) -> Noticed:
    """Return when the guards of a region notice; the same seed gives the same figures."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    times, closed = [], 0
    for _ in range(guards):
        took = _asks(region, chance)
        # Its last look before the revocation was somewhere within the last interval.
        since_news = chance.uniform(0.0, POLL_SECONDS)
        at = POLL_SECONDS - since_news
        while at < region.cut and at + since_news < MAX_LAG_SECONDS:
            at += POLL_SECONDS
        if at < region.cut:
            closed += 1
            times.append(MAX_LAG_SECONDS - since_news)
        else:
            times.append(at + took)
    times.sort()
    return Noticed(
        half=times[guards // 2], most=times[guards * 99 // 100], last=times[-1], closed=closed
    )


def _asks(region: Region, chance: random.Random) -> float:
    """Return how long one look at the feed takes."""
    far = region.away * chance.uniform(*_JITTER)
    return far + chance.uniform(*_NODE_SECONDS) + 2 * chance.uniform(*_LOCAL_SECONDS)
