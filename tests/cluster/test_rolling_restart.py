"""Nodes are restarted one after the other under load, and no request is lost."""

import time
from contextlib import ExitStack

import httpx2
import pytest
import requests

from tests.cluster.balancer import LOOK_SECONDS, Balancer
from tests.cluster.callers import ISSUED, Call, Callers, checked, through_nginx
from tests.cluster.nodes import cluster
from tests.end_to_end.service import Registered
from tokenbooth.client import Secret, TokenSource

DRAIN_SECONDS = 1.0


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two nodes, one with two workers, that drain when they are told to end."""
    with cluster(
        tmp_path_factory.mktemp("rolling"), 1, 2, TOKENBOOTH_DRAIN_SECONDS=str(DRAIN_SECONDS)
    ) as started:
        yield started


def behind_a_balancer(balancer: Balancer, client: Registered, stack: ExitStack) -> dict[str, Call]:
    """Calls over kept connections to whichever node they were once connected to."""
    url = f"{balancer.url}/oauth2/token"
    session = stack.enter_context(requests.Session())
    session.trust_env = False
    http = stack.enter_context(httpx2.Client(trust_env=False, timeout=40))
    secret = Secret(client.secret)
    source = stack.enter_context(
        TokenSource(token_url=url, client_id=client.client_id, secret=secret)
    )
    time.sleep(5 * LOOK_SECONDS)
    return {
        "requests": lambda: checked(session.post(url, data=ISSUED, auth=client.basic)),
        "httpx2": lambda: checked(http.post(url, data=ISSUED, auth=client.basic)),
        "our_client": lambda: source.drop(source.token()),
    }


def test_no_request_is_lost(two):
    client, owner = two.register(), two.register("management")
    nodes = [f"http://127.0.0.1:{node.port}" for node in two.nodes]
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer(nodes).running())
        http, other = (stack.enter_context(two.http()) for _ in range(2))
        calls = {
            **through_nginx(http, client, owner),
            "more_lives": through_nginx(other, client, owner)["life_of_a_token"],
            **behind_a_balancer(balancer, client, stack),
        }
        callers = stack.enter_context(Callers(**calls).calling())
        for number in range(2):
            two.restart(number)

    assert callers.failures == []
    assert {name for name in calls if callers.done[name] > 10} == set(calls)
    # What is sent once by nginx is done exactly once.
    registered = two.manage(lambda booth: booth.store.count_clients())
    assert sum(registered.values()) == callers.done["new_client"] + 2
