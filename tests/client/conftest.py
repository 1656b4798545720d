"""A scripted token endpoint, and sources that ask it."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.remote.local_server import LocalServer, Reply, Seen, as_json, local_server
from tokenbooth.client import Pacing, Secret, TokenSource
from tokenbooth.clock import TravelClock

TOKEN_PATH = "/oauth2/token"
QUICK = Pacing(first_pause=0.01, longest_pause=60.0)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as running:
        yield running


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock()


@pytest.fixture
def numbered(server: LocalServer) -> Callable[..., None]:
    """Script the endpoint to hand out token-1, token-2, ... with these members."""

    def script(**members: object) -> None:
        count = itertools.count(1)

        def answer(seen: Seen) -> Reply:
            return as_json(
                {
                    "access_token": f"token-{next(count)}",
                    "token_type": "Bearer",
                    "expires_in": 3600,
                    **members,
                }
            )

        server.on(TOKEN_PATH, answer)

    script()
    return script


@pytest.fixture
def make(server: LocalServer, clock: TravelClock, numbered) -> Iterator[Callable[..., TokenSource]]:
    """Make a source for the endpoint; it is closed at the end."""
    made: list[TokenSource] = []

    def build(**more: object) -> TokenSource:
        told = {
            "client_id": "my-app",
            "secret": Secret("s3cret"),
            "clock": clock,
            "pacing": QUICK,
            **({} if "issuer" in more else {"token_url": server.url + TOKEN_PATH}),
            **more,
        }
        made.append(TokenSource(**told))
        return made[-1]

    yield build
    for each in made:
        each.close()


@pytest.fixture
def asked(server: LocalServer) -> Callable[[], list[Seen]]:
    """The token requests seen so far."""
    return lambda: server.seen_at(TOKEN_PATH)
