"""Nodes are restarted one after the other under load, and no request is lost."""

import signal
import time
from contextlib import ExitStack

import httpx2
import pytest
import requests

from tests.cluster.balancer import LOOK_SECONDS, Balancer
from tests.cluster.callers import Call, Callers
from tests.cluster.nodes import Cluster, cluster
from tests.end_to_end.service import Registered
from tokenbooth.client import Secret, TokenSource

DRAIN_SECONDS = 1.0
FAIL_TIMEOUT = 2.0  # of nginx, for a node that did not answer
ISSUED = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two nodes, one with two workers, that drain when they are told to end."""
    with cluster(
        tmp_path_factory.mktemp("rolling"), 1, 2, TOKENBOOTH_DRAIN_SECONDS=str(DRAIN_SECONDS)
    ) as started:
        yield started


def restart(two: Cluster, number: int) -> None:
    """As docs/operations.md says: wait until it serves, and until proxies know."""
    node = two.nodes[number]
    node.process.send_signal(signal.SIGTERM)
    node.process.wait(30)
    node.http.close()
    two.nodes[number] = two.start(number)
    time.sleep(FAIL_TIMEOUT)


def checked(answer: httpx2.Response | requests.Response) -> dict[str, object]:
    assert answer.status_code in (200, 201), (answer.status_code, answer.text)
    return answer.json() if answer.content else {}


def through_nginx(http: httpx2.Client, client: Registered, owner: Registered) -> dict[str, Call]:
    """Calls over kept connections; those of the management API are sent once, not repeated."""
    form = {"auth": client.basic}

    def life_of_a_token() -> None:
        token = checked(http.post("/oauth2/token", data=ISSUED, **form))["access_token"]
        told = checked(http.post("/oauth2/introspect", data={"token": token}, **form))
        assert told["active"] is True
        assert http.post("/oauth2/revoke", data={"token": token}, **form).status_code == 200
        told = checked(http.post("/oauth2/introspect", data={"token": token}, **form))
        assert told == {"active": False}

    token = checked(http.post("/oauth2/token", data=ISSUED, auth=owner.basic))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    def new_client() -> None:
        checked(http.post("/api/v1/clients", json={"apis": ["persons"]}, headers=headers))

    return {"life_of_a_token": life_of_a_token, "new_client": new_client}


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
            restart(two, number)

    assert callers.failures == []
    assert {name for name in calls if callers.done[name] > 10} == set(calls)
    # What is sent once by nginx is done exactly once.
    registered = two.manage(lambda booth: booth.store.count_clients())
    assert sum(registered.values()) == callers.done["new_client"] + 2
