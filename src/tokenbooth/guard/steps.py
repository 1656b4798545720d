"""One way through a check for both worlds: a generator that yields the futures it must wait for.

The threads behind the futures belong to `remote`; an event loop only ever waits, never blocks.
"""

import asyncio
from collections.abc import Generator
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

Steps = Generator[Future[Any], None, T]  # yields what is under way; reads it once it has settled


def run_blocking(steps: Steps[T]) -> T:
    """Go through `steps` in this thread."""
    try:
        while True:
            wait((next(steps),))
    except StopIteration as done:
        result: T = done.value
        return result


async def run_async(steps: Steps[T]) -> T:
    """Go through `steps` on the running event loop; cancelling leaves the work alone."""
    try:
        while True:
            await _settled(next(steps))
    except StopIteration as done:
        result: T = done.value
        return result


async def _settled(future: Future[Any]) -> None:
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def from_worker(_: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(from_worker)
    await waiter
