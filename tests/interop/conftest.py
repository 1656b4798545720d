"""The running demo that other people's clients are tried on, and what runs their JavaScript."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.fixtures import demo_clients
from tests.end_to_end.service import Service, running
from tests.interop.javascript import Javascript, start

__all__ = ["demo_clients"]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running demo of two workers, so that no two requests need reach the same one."""
    with running(tmp_path_factory.mktemp("demo"), "--demo", "--workers", "2") as service:
        yield service


@pytest.fixture(scope="session")
def javascript() -> Iterator[Javascript]:
    """The libraries in the folder node: javascript("module", "function", name=value, ...)."""
    running = start()
    with running.process:
        yield running
        running.process.stdin.close()
