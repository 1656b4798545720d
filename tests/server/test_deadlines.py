"""One timer for all waits: who is late is cancelled, and nobody else."""

import asyncio

import pytest

from tokenbooth.server.deadlines import Deadlines


async def wait(deadlines, seconds, until):
    """Wait as an exchange does; tell whether the deadline ended it."""
    waiting = deadlines.start(seconds)
    try:
        await until
    except asyncio.CancelledError:
        if deadlines.stop(waiting):
            return "late"
        raise
    finally:
        deadlines.stop(waiting)
    return "in time"


async def test_cancels_those_who_are_late_and_only_those():
    deadlines = Deadlines()

    outcomes = await asyncio.gather(
        wait(deadlines, 0.05, asyncio.sleep(60)),
        wait(deadlines, 60, asyncio.sleep(0.6)),
        wait(deadlines, 0.3, asyncio.sleep(60)),
    )

    assert outcomes == ["late", "in time", "late"]


async def test_leaves_a_task_alone_once_its_wait_is_over():
    deadlines = Deadlines()

    assert await wait(deadlines, 0.05, asyncio.sleep(0)) == "in time"
    await asyncio.sleep(0.4)
    with pytest.raises(ValueError, match="broken"):
        await wait(deadlines, 0.05, _broken())
    await asyncio.sleep(0.4)


async def test_a_cancellation_by_others_stays_one():
    deadlines = Deadlines()
    task = asyncio.create_task(wait(deadlines, 0.05, asyncio.sleep(60)))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_sets_its_timer_again_after_nobody_was_waiting():
    deadlines = Deadlines()

    for _ in range(2):
        assert await wait(deadlines, 0.05, asyncio.sleep(60)) == "late"
        await asyncio.sleep(0.3)


async def _broken():
    await asyncio.sleep(0)
    raise ValueError("broken")
