import asyncio
from concurrent.futures import Future

import pytest

from tokenbooth.guard.steps import run_async, run_blocking


def two_waits(first, second):
    yield first
    yield second
    return first.result() + second.result()


def settled(value):
    future = Future()
    future.set_result(value)
    return future


async def test_both_ways_wait_for_everything_that_is_yielded():
    assert run_blocking(two_waits(settled(1), settled(2))) == 3
    assert await run_async(two_waits(settled(1), settled(2))) == 3


async def test_a_failure_is_raised_where_it_is_read():
    failed = Future()
    failed.set_exception(OSError("gone"))

    with pytest.raises(OSError, match="gone"):
        await run_async(two_waits(failed, settled(1)))
    with pytest.raises(OSError, match="gone"):
        run_blocking(two_waits(failed, settled(1)))


async def test_cancelling_a_waiter_leaves_the_work_alone():
    work = Future()
    waiter = asyncio.create_task(run_async(two_waits(work, settled(2))))
    await asyncio.sleep(0)

    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    work.set_result(1)
    await asyncio.sleep(0)

    assert not work.cancelled()


def test_work_that_ends_after_its_event_loop_harms_nobody():
    work = Future()

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_async(two_waits(work, settled(2))), 0.01)

    asyncio.run(give_up())
    work.set_result(1)

    assert work.result() == 1
