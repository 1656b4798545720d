"""Nodes of one service that share a real Valkey or Redis."""

import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from tests.redis_servers import PROGRAMS, redis_server
from tests.server.booths import running

PATIENCE_SECONDS = 30.0


async def eventually(ask):
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ask():
        assert time.monotonic() < deadline, "it never came to that"
        await anyio.sleep(0.01)


@pytest.fixture
def server():
    """A server of its own for one test, which may kill it."""
    with redis_server() as started:
        yield started


@pytest.fixture(params=sorted(PROGRAMS))
def either(request):
    """A server, once of each kind."""
    with redis_server(PROGRAMS[request.param]()) as started:
        yield started


@pytest.fixture
def node(settings, clock):
    """A way to start a node of the service that shares what is at this address."""

    @asynccontextmanager
    async def start(url, **changes):
        async with running(replace(settings, redis=url, **changes), clock) as town:
            yield town

    return start


@pytest.fixture
async def two(node, server):
    """Two nodes on one database and one server."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(node(server.url)) for _ in range(2)]
