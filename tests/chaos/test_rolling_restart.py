"""Nodes are restarted one after the other under load, and no request is lost."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import httpx2
import pytest
import requests

from tests.cluster.balancer import Balancer
from tests.cluster.callers import ISSUED, Call, Callers, checked, through_nginx
from tests.cluster.nodes import cluster
from tests.end_to_end.service import Registered, eventually
from tokenbooth.client import Secret, TokenSource

ENOUGH = 3  # calls of each caller


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two nodes, one with two workers, that drain until they are told to end once more."""
    with cluster(
        tmp_path_factory.mktemp("rolling"), 1, 2, TOKENBOOTH_DRAIN_SECONDS="60"
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
    return {
        "requests": lambda: checked(session.post(url, data=ISSUED, auth=client.basic)),
        "httpx2": lambda: checked(http.post(url, data=ISSUED, auth=client.basic)),
        "our_client": lambda: source.drop(source.token()),
    }


def everybody_has_noticed(callers: Callers, balancer: Balancer, node: str) -> Callable[[], bool]:
    """Whether the balancer leaves this node out, and all callers have called a while since."""
    since: Counter[str] = Counter()

    def noticed() -> bool:
        if node in balancer.ready:
            return False
        since.update({name: done for name, done in callers.done.items() if not since[name]})
        return all(callers.done[name] >= since[name] + ENOUGH for name in callers.names)

    return noticed


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
        eventually(lambda: len(balancer.ready) == 2, within=20)
        callers = stack.enter_context(Callers(**calls).calling())
        for number in range(2):
            two.restart(number, once=everybody_has_noticed(callers, balancer, nodes[number]))
            eventually(lambda: len(balancer.ready) == 2, within=20)

    assert callers.failures == []
    assert {name for name in calls if callers.done[name] > 10} == set(calls)
    # What is sent once by nginx is done exactly once.
    registered = two.manage(lambda booth: booth.store.count_clients())
    assert sum(registered.values()) == callers.done["new_client"] + 2
