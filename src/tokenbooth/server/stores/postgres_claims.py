"""Exact claims, many at once: one statement and one commit for all that arrive meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.postgres_errors import is_bad_value

# A statement of that size takes about as long as its commit.
AT_ONCE = 200

# The same as queries/revocations.py says for one claim.
_CLAIM = """
    INSERT INTO claims (key, claimed_at, expires_at)
    SELECT * FROM unnest($1::text[], $2::float8[], $3::float8[])
    ON CONFLICT (key) DO UPDATE
    SET claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
    WHERE claims.expires_at <= excluded.claimed_at
    RETURNING key
"""
_LIVING = "SELECT key, claimed_at FROM claims WHERE key = ANY($1::text[])"

Fetch = Callable[..., Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    key: str
    now: float
    expires_at: float
    answer: "asyncio.Future[Claim]"


class PostgresClaims:
    """Claims of one process; `change` runs a statement that writes, `look` one that only reads.

    While one statement is under way the next ones gather, so that a thousand claims at once take a
    few commits, and a single one waits for nobody.
    """

    def __init__(self, *, change: Fetch, look: Fetch) -> None:
        self._change = change
        self._look = look
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """See contract.RevocationStore; raises what the driver raises."""
        answer: asyncio.Future[Claim] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(key, now, expires_at, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    async def finish(self) -> None:
        """Wait until every claim has its answer."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._take())
        finally:
            self._task = None

    def _take(self) -> list[_Asked]:
        """Take some with different keys: a statement cannot claim one key twice."""
        taken: dict[str, _Asked] = {}
        left = []
        for asked in self._waiting:
            if len(taken) < AT_ONCE and asked.key not in taken:
                taken[asked.key] = asked
            else:
                left.append(asked)
        self._waiting = left
        # In one order everywhere: two nodes that claim the same keys must not wait for each other.
        return [taken[key] for key in sorted(taken)]

    async def _answer(self, batch: Sequence[_Asked]) -> None:
        try:
            answers = await self._ask(batch)
        except Exception as error:  # noqa: BLE001 - goes to those who asked
            if len(batch) > 1 and is_bad_value(error):
                # Nothing was claimed, and what one of them asked for is no fault of the others.
                for asked in batch:
                    await self._answer([asked])
                return
            for asked in batch:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked in batch:
            if not asked.answer.done():
                asked.answer.set_result(answers[asked.key])

    async def _ask(self, batch: Sequence[_Asked]) -> dict[str, Claim]:
        answers: dict[str, Claim] = {}
        # Twice: the living claim may be forgotten between the two statements.
        for _ in range(2):
            left = [asked for asked in batch if asked.key not in answers]
            if not left:
                break
            won = await self._change(
                _CLAIM,
                [asked.key for asked in left],
                [asked.now for asked in left],
                [asked.expires_at for asked in left],
            )
            at = {asked.key: asked.now for asked in left}
            answers |= {key: Claim(won=True, claimed_at=at[key]) for (key,) in won}
            lost = [asked.key for asked in left if asked.key not in answers]
            if lost:
                living = await self._look(_LIVING, lost)
                answers |= {key: Claim(won=False, claimed_at=then) for key, then in living}
        if len(answers) < len(batch):
            raise StoreUnavailable("A claim came and went while it was read.")
        return answers
