"""What the service does beside answering: take over changes, write what gathered, forget."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tokenbooth.server.admission import Admission
from tokenbooth.server.audit_records import AuditHead
from tokenbooth.server.endpoints.metrics import note_own_state
from tokenbooth.server.expiry_notices import tell_of_ending_credentials
from tokenbooth.server.key_keeping import KeyKeeper, KeysAreBusy
from tokenbooth.server.log_sampling import LogSampling
from tokenbooth.server.logs import Logger
from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.loop_lag import watching_event_loop
from tokenbooth.server.possession import PROOF_PREFIX
from tokenbooth.server.quota import PREFIX as QUOTA_PREFIX
from tokenbooth.server.revocations import CLOCK_MAY_BE_OFF
from tokenbooth.server.service import Service
from tokenbooth.server.stores.contract import StoreError
from tokenbooth.server.vault import VaultError

DAY = 86_400.0

_WRITE_SECONDS = 1.0
_MEASURE_SECONDS = 1.0
_SOON_SECONDS = 1.0
_LEFT_OUT_SECONDS = 60.0
_FORGET_SECONDS = 60.0
_FORGET_ACTIVITY_SECONDS = 600.0
_KEEP_KEYS_SECONDS = 600.0
_LOG_HEAD_SECONDS = 3600.0
_NOTICES_SECONDS = 3600.0  # whether it is another day
_STOP_SECONDS = 15.0  # longer than the store keeps anybody waiting
# A proof comes with every bound token, so these are many, and lived for a minute only. Shares of a
# quota are many too, and at worst an hour is counted twice.
_KEEP_EXPIRED_MANY_SECONDS = 600.0
# However long they are kept: a long attack makes many.
_MOST_REFUSALS = 200_000


class Upkeep:
    """The background task of a running service; survives a store that is away."""

    def __init__(
        self,
        service: Service,
        keeper: KeyKeeper,
        admission: Admission | None,
        log: Logger,
        sampling: LogSampling | None = None,
    ) -> None:
        self._service = service
        self._keeper = keeper
        self._admission = admission
        self._log = log
        self._sampling = sampling
        self._ending = asyncio.Event()
        self._roused = asyncio.Event()  # by the end, or by a change that another node made
        self._next: dict[str, float] = {}
        self._seen_head = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside what is inside, and leave nothing unwritten behind."""
        task = asyncio.create_task(self._run())
        try:
            with watching_event_loop(self._service.metrics):
                yield
        finally:
            self._ending.set()
            self._roused.set()
            # Not cancelled at once: what is just being written would be written again.
            await asyncio.wait([task], timeout=_STOP_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._tell_of_left_out()
            with contextlib.suppress(StoreError):
                await self._write(everything=True)
                await self._log_head()

    async def _run(self) -> None:
        for what in ("write", "forget", "forget_activity"):  # not at once: there is nothing yet
            self._is_due(what, _SOON_SECONDS)
        self._service.store.listen(self._roused.set)
        poll = self._service.settings.change_poll_seconds
        while not self._ending.is_set():
            has_heard = await self._pause(min(poll, _WRITE_SECONDS))
            try:
                await self._round(refresh=has_heard or self._is_due("changes", poll))
            except Exception as error:  # noqa: BLE001 - whatever happens, the next round comes
                self._next.pop("changes", None)  # what was heard of is still to be learnt
                self._log.warning("upkeep_failed", reason=type(error).__name__)
                self._service.metrics.count(families.UPKEEP_FAILURES)

    async def _pause(self, seconds: float) -> bool:
        """Return after that time, or earlier and True when there is something to learn."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._roused.wait(), seconds)
        has_heard = self._roused.is_set()
        self._roused.clear()
        return has_heard

    async def _round(self, *, refresh: bool) -> None:
        if self._ending.is_set():
            return
        if self._is_due("measure", _MEASURE_SECONDS):  # first: what follows may fail
            self._tell_own_state()
        if refresh:
            await self._learn()
        if self._is_due("write", _WRITE_SECONDS):
            await self._write()
        if self._is_due("keys", _KEEP_KEYS_SECONDS):
            await self._keep_keys()
        if self._is_due("forget", _FORGET_SECONDS):
            await self._forget_expired()
        if self._is_due("forget_activity", _FORGET_ACTIVITY_SECONDS):
            await self._forget_activity()
        if self._is_due("head", _LOG_HEAD_SECONDS):
            await self._log_head()
        if self._is_due("notices", _NOTICES_SECONDS):
            now = self._service.clock.now()
            await tell_of_ending_credentials(self._service.store, now, self._log)

    async def _learn(self) -> None:
        await self._service.registry.refresh()
        if self._admission is not None:
            await self._admission.admit()

    def _is_due(self, what: str, seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + seconds
        return True

    async def _write(self, *, everything: bool = False) -> None:
        service = self._service
        await service.last_uses.write(service.store, everything=everything)
        await service.activity.write(service.store, everything=everything)

    async def _keep_keys(self) -> None:
        try:
            for key in await self._keeper.keep():
                self._log.info(
                    "key_made", issuer=key.issuer, purpose=key.purpose, alg=key.alg, kid=key.kid
                )
        except (VaultError, KeysAreBusy) as error:
            self._log.error("keys_not_kept", reason=str(error))

    async def _forget_expired(self) -> None:
        store, now = self._service.store, self._service.clock.now()
        # A clock that is set back must not bring a token back to life.
        await store.forget_expired(now - CLOCK_MAY_BE_OFF)
        for prefix in (PROOF_PREFIX, QUOTA_PREFIX):
            await store.forget_claims(prefix, now - _KEEP_EXPIRED_MANY_SECONDS)

    async def _forget_activity(self) -> None:
        settings, now = self._service.settings, self._service.clock.now()
        await self._service.store.forget_activity(
            refused_before=now - settings.refusals_kept_days * DAY,
            usage_before=now - settings.usage_kept_days * DAY,
            most_refused=_MOST_REFUSALS,
        )

    def _tell_own_state(self) -> None:
        note_own_state(self._service)
        if self._is_due("left_out", _LEFT_OUT_SECONDS):
            self._tell_of_left_out()

    def _tell_of_left_out(self) -> None:
        left_out = self._sampling.take_left_out() if self._sampling is not None else 0
        if self._sampling is not None and left_out:
            self._log.info("lines_left_out", lines=left_out, share=self._sampling.share)

    async def _log_head(self) -> None:
        # A copy outside the database: whoever cuts the trail short there, cannot do it here.
        head: AuditHead = await self._service.store.audit_head()
        if head.seq != self._seen_head:
            self._seen_head = head.seq
            self._log.info("audit_head", seq=head.seq, hash=head.hash)
