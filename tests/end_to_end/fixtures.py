"""Fixtures: one demo for all tests that leave it as it is; fresh services for the others."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.service import Registered, Service, running

_BLOCKS = re.compile(r"http://\S+?/demo/([a-z-]+)/whoami")
_SECRET = re.compile(r"tbs_\w+")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running demo. Tests may add to it, and leave alone what is there."""
    with running(tmp_path_factory.mktemp("demo"), "--demo") as service:
        yield service


@pytest.fixture(scope="session")
def demo_clients(demo: Service) -> dict[str, Registered]:
    """The demo's client of each issuer, with the secret that was printed."""
    found = {}
    for block in demo.printed.strip().split("\n\n"):
        issuer, secret = _BLOCKS.search(block)[1], _SECRET.search(block)[0]
        demo.confidential.add(secret)
        found[issuer] = Registered(client_id="demo", secret=secret, issuer=issuer)
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services of a test's own: fresh(name, *arguments, variables={...})."""
    with ExitStack() as stack:

        def start(name: str = "own", *arguments: str, **more: Any) -> Service:
            return stack.enter_context(running(tmp_path / name, *arguments, **more))

        yield start
