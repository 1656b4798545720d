"""A fleet of clients and a service that fails for a while, second by second, from one seed.

Each simulated client stands for many real ones. Times are whole seconds; the rules of the client
are those of `tokenbooth.client` (cache.py, pacing.py), told again here in a few lines.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_RETRY_AFTER = (1, 3)  # as the service tells those that it turns away
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a client renews its token, and what it does when that fails."""

    name: str
    margin: float = 60.0  # renews so long before the end, and the old token serves meanwhile
    spread: float = 0.0  # and up to this share of the lifetime earlier, at random
    backs_off: bool = True  # longer and longer pauses with jitter; else every second

    def renews_after(self, lifetime: float, chance: random.Random) -> float:
        """Return when a new token is renewed."""
        return lifetime - self.margin - chance.uniform(0.0, self.spread * lifetime)

    def pause(self, failed: int, chance: random.Random) -> float:
        """Return the pause after so many failures in a row."""
        if not self.backs_off:
            return 1.0
        longest = min(_FIRST_PAUSE * 2.0 ** min(failed - 1, 10), _LONGEST_PAUSE)
        return longest * chance.uniform(0.75, 1.0)


# What people write by hand: a token is fetched when the old one has ended, and again each second.
BY_HAND = Habits(name="by hand", margin=0.0, backs_off=False)
TOKEN_SOURCE = Habits(name="TokenSource")
SPREAD = Habits(name="TokenSource, spread", spread=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What happens to which fleet."""

    clients: int = 1_000_000
    simulated: int = 10_000
    lifetime: float = 3600.0
    seconds: int = 4 * 3600
    starts_within: float = 3600.0  # all clients come up within so many seconds
    calls_every: float = 1.0  # a client notices that its token is due when it next needs one
    capacity: Callable[[int], float]  # tokens a second that the service can issue
    queue_seconds: float = 0.25  # beyond that, requests are turned away at once


@dataclass(slots=True, kw_only=True)
class Run:
    """What was seen, in real clients."""

    asked: list[float]  # requests in each second
    turned_away: float = 0.0
    without_token: float = 0.0  # client-seconds in which a token was wanted and there was none

    def peak(self, since: int = 0, until: int | None = None) -> float:
        """Return the most requests of one second."""
        return max(self.asked[since:until], default=0.0)


def simulate(scene: Scene, habits: Habits, *, seed: int = 1) -> Run:
    """Play the scene; the same seed gives the same run."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    weight = scene.clients / scene.simulated
    due: dict[int, list[int]] = defaultdict(list)
    good_until = [0.0] * scene.simulated
    failed = [0] * scene.simulated
    for client in range(scene.simulated):
        begins = chance.uniform(0.0, scene.starts_within)
        good_until[client] = begins  # it wants one from then on
        due[int(begins)].append(client)
    run = Run(asked=[0.0] * scene.seconds)
    waiting: list[int] = []
    for now in range(scene.seconds):
        asking = due.pop(now, [])
        run.asked[now] = len(asking) * weight
        capacity = scene.capacity(now)
        served, waiting, away = _serve(waiting + asking, capacity / weight, scene.queue_seconds)
        for client in served:
            run.without_token += max(0.0, now - good_until[client]) * weight
            good_until[client], failed[client] = now + scene.lifetime, 0
            wanted = habits.renews_after(scene.lifetime, chance) + chance.uniform(
                0.0, scene.calls_every
            )
            due[now + max(1, round(wanted))].append(client)
        run.turned_away += len(away) * weight
        for client in away:
            failed[client] += 1
            pause = habits.pause(failed[client], chance)
            if capacity and habits.backs_off:  # the service itself said when to come back
                pause = max(pause, chance.uniform(*_RETRY_AFTER))
            due[now + max(1, round(pause))].append(client)
    _count_the_rest(run, (waiting, *due.values()), good_until, scene, weight)
    return run


def _serve(
    queue: list[int], capacity: float, queue_seconds: float
) -> tuple[list[int], list[int], list[int]]:
    """Return who is served in this second, who waits, and who is turned away."""
    can, may_wait = int(capacity), int(capacity * queue_seconds)
    return queue[:can], queue[can : can + may_wait], queue[can + may_wait :]


def _count_the_rest(
    run: Run,
    still: Iterable[list[int]],
    good_until: list[float],
    scene: Scene,
    weight: float,
) -> None:
    for clients in still:
        for client in clients:
            run.without_token += max(0.0, scene.seconds - good_until[client]) * weight
