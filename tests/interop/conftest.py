"""The running demo that other people's clients are tried on, and what runs their JavaScript."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.fixtures import demo, demo_clients, fresh
from tests.interop.javascript import Javascript, start

__all__ = ["demo", "demo_clients", "fresh"]


@pytest.fixture(scope="session")
def javascript() -> Iterator[Javascript]:
    """The libraries in the folder node: javascript("module", "function", name=value, ...)."""
    running = start()
    with running.process:
        yield running
        running.process.stdin.close()
