"""What the metrics tell of the database: looked up when somebody asks, and bounded in time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tokenbooth.clock import Clock
from tokenbooth.server.readiness import Readiness
from tokenbooth.server.records import StoredKey
from tokenbooth.server.stores.contract import Store, StoreError

DAY = 86_400
WINDOWS: Mapping[str, int] = {"7d": 7 * DAY, "30d": 30 * DAY}

_COUNT_EVERY = 60.0  # seconds: to count means to read whole tables
_PATIENCE = 2.0  # a reader of metrics gives up after some seconds, and would then learn nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What there was when it was last counted."""

    clients: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    ending: Mapping[str, Mapping[tuple[str, str], int]] = field(default_factory=dict)
    keys: tuple[StoredKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the database; when it is away, what was known before."""

    database_up: bool = False
    revision: int | None = None
    audit_head: int | None = None
    counted: Counted | None = None


class FactFinder:
    """Asks the store, once at a time however many want to know."""

    def __init__(self, store: Store, readiness: Readiness, clock: Clock) -> None:
        self._store = store
        self._readiness = readiness
        self._clock = clock
        self._known = Facts()
        self._count_at = float("-inf")
        self._looking: asyncio.Task[Facts] | None = None

    async def find(self) -> Facts:
        """Return the facts; a database that does not answer soon is told to be down."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        looking = self._looking
        await asyncio.wait([looking], timeout=_PATIENCE)
        if not looking.done():
            return replace(self._known, database_up=False)
        self._looking = None
        self._known = looking.result()
        return self._known

    async def _look(self) -> Facts:
        known = self._known
        try:
            is_up = await self._readiness.is_database_well(self._store, self._clock)
            if not is_up:
                return replace(known, database_up=False)
            head = await self._store.audit_head()
            revision = await self._store.revision()
            known = replace(known, database_up=True, revision=revision, audit_head=head.seq)
            if self._clock.monotonic() >= self._count_at:
                known = replace(known, counted=await self._count())
                self._count_at = self._clock.monotonic() + _COUNT_EVERY
        except StoreError:
            return replace(known, database_up=False)
        return known

    async def _count(self) -> Counted:
        now = self._clock.now()
        return Counted(
            clients=await self._store.count_clients(),
            ending={
                window: await self._store.count_ending_credentials(now=now, before=now + seconds)
                for window, seconds in WINDOWS.items()
            },
            keys=await self._store.list_keys(),
        )
