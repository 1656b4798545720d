"""A scripted server and a fetch that talks to it."""

from collections.abc import Iterator

import pytest

from tests.remote.local_server import LocalServer, local_server
from tokenbooth.remote.fetch import HttpFetch


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as running:
        yield running


@pytest.fixture
def fetch() -> Iterator[HttpFetch]:
    ready = HttpFetch()
    yield ready
    ready.close()
