"""Waiting for what another session does, however slow the machine is."""

import asyncio

PATIENCE = 60.0


async def until(ask):
    """Return the first truthy answer."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(int(PATIENCE * 100)):
            if answer := await ask():
                return answer
            await asyncio.sleep(0.01)
    raise TimeoutError
