"""Two real nodes, one of them with two workers, on one database and one Valkey that fails them."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from secrets import token_hex
from threading import Event
from types import SimpleNamespace

import pytest

from tests.end_to_end.service import (
    Registered,
    database_in,
    environment,
    eventually,
    run_program,
    running,
)
from tests.postgres import free_port
from tests.redis_servers import redis_server
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.protocol.keys import generate_key

PASSWORD = "s3cret-of-valkey"
PATIENCE_SECONDS = 15.0  # of a client; the service waits for Valkey half a second at most


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The nodes and their server, and clients of each kind."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        server = stack.enter_context(redis_server(None, "--requirepass", PASSWORD))
        (folder / "password").write_text(PASSWORD)
        variables = {
            "TOKENBOOTH_REDIS": server.url,
            "TOKENBOOTH_REDIS_PASSWORD": f"file:{folder / 'password'}",
            "TOKENBOOTH_FAILURES_PER_CLIENT": "20",
            "TOKENBOOTH_FAILURES_PER_SOURCE": "300",
            "TOKENBOOTH_TRUSTED_PROXY": "127.0.0.0/8",
        }
        # As behind a balancer, both nodes are one issuer.
        ports = free_port(), free_port()
        variables["TOKENBOOTH_ISSUER_URL"] = f"http://127.0.0.1:{ports[0]}"
        one, other = (
            stack.enter_context(
                running(
                    folder / name,
                    *("--workers", workers, "--database", database_in(folder / "one")),
                    port=port,
                    variables=variables,
                )
            )
            for name, workers, port in (("one", "2", ports[0]), ("other", "1", ports[1]))
        )
        one.add_api("persons", "persons:read")
        key = generate_key("ES256")
        proofs = read_keys(json.dumps(key.public.to_jwk())).proofs
        one.manage(
            lambda booth: create_client(booth, client_id="signer", apis=["persons"], proofs=proofs)
        )
        limited = one.told("clients", "create", "--api", "persons", "--quota", "100000/h")
        yield SimpleNamespace(
            server=server,
            nodes=(one, other),
            key=key,
            limited=Registered(client_id=limited["client_id"], secret=limited["client_secret"]),
        )
        log = one.log + other.log
    assert PASSWORD not in log
    assert "Traceback" not in log


def guess(node, client_id, number, source):
    pair = base64.b64encode(f"{client_id}:guess{number}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}", "X-Forwarded-For": source}
    return node.post("/oauth2/token", {"grant_type": "client_credentials"}, headers=headers)


def degraded(node):
    answer = node.http.get("/readyz")
    assert answer.status_code == 200, answer.text
    return "degraded" in answer.json()


def everywhere(cluster, *, away):
    for node in cluster.nodes:
        node.wait_everywhere(lambda node=node: degraded(node) is away, within=30)


def test_two_nodes_together_look_at_no_more_guesses_than_one(cluster):
    statuses = [
        guess(cluster.nodes[number % 2], "nobody", number, "198.51.100.7").status_code
        for number in range(60)
    ]

    assert set(statuses) == {401, 429}
    # One by one, so that each is known everywhere before the next; a few come back meanwhile.
    assert 20 <= statuses.count(401) <= 26


def test_two_nodes_together_grant_exactly_a_quota(cluster):
    if time.time() % 3600 > 3585:  # a new hour would bring a new quota
        time.sleep(16)
    made = cluster.nodes[0].told("clients", "create", "--api", "persons", "--quota", "150/h")
    client = Registered(client_id=made["client_id"], secret=made["client_secret"])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: cluster.nodes[n % 2].token(client), range(200)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (150, 50)


def assert_a_replay_is_refused(cluster):
    """Whatever became of Valkey: what one node has spent is spent on the other."""
    one, other = cluster.nodes
    for first, then in ((one, other), (other, one)):
        assertion = make_client_assertion(
            cluster.key, client_id="signer", audience=one.url, jti=token_hex(8), now=time.time()
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion": assertion.reveal(),
            "client_assertion_type": JWT_BEARER_ASSERTION,
        }
        assert first.post("/oauth2/token", form).status_code == 200
        for node in (then, first, then):
            assert node.post("/oauth2/token", form).status_code == 401


def test_no_request_fails_or_hangs_when_valkey_does(cluster):
    ended, slowest, statuses = Event(), [0.0], []

    def ask(node):
        while not ended.is_set():
            began = time.monotonic()
            statuses.append(node.token(cluster.limited).status_code)
            slowest[0] = max(slowest[0], time.monotonic() - began)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask, node) for node in cluster.nodes]
        try:
            cluster.server.freeze()
            everywhere(cluster, away=True)
            assert_a_replay_is_refused(cluster)
            cluster.server.thaw()
            everywhere(cluster, away=False)

            cluster.server.kill()
            everywhere(cluster, away=True)
            assert_a_replay_is_refused(cluster)
            cluster.server.start()  # empty
            everywhere(cluster, away=False)
            assert_a_replay_is_refused(cluster)
        finally:
            cluster.server.thaw()
            ended.set()
        for each in asking:
            each.result()

    assert set(statuses) == {200}
    assert len(statuses) > 20
    assert slowest[0] < PATIENCE_SECONDS


def test_the_log_says_once_that_it_went_and_once_that_it_came_back(cluster):
    other = cluster.nodes[1]
    everywhere(cluster, away=False)
    before = other.log.count("redis_away")
    cluster.server.kill()
    eventually(lambda: degraded(other))
    time.sleep(1.0)  # it tries again meanwhile
    cluster.server.start()
    everywhere(cluster, away=False)

    assert other.log.count("redis_away") == other.log.count("redis_back") == before + 1


def test_metrics_tell_of_each_worker(cluster):
    one = cluster.nodes[0]
    eventually(lambda: 'tokenbooth_redis_up{worker="2"} 1.0' in one.http.get("/metrics").text)

    told = one.http.get("/metrics").text
    assert 'tokenbooth_redis_up{worker="1"} 1.0' in told
    assert "tokenbooth_redis_calls_total" in told
    assert "tokenbooth_redis_losses_total" in told


def test_a_password_is_no_argument():
    done = run_program("serve", "--redis", f"redis://:{PASSWORD}@127.0.0.1:9")

    assert done.returncode == 2
    assert "TOKENBOOTH_REDIS_PASSWORD" in done.stderr
    assert PASSWORD not in done.stderr


def test_check_says_what_is_weak(cluster, tmp_path):
    done = run_program(
        *("check", "--json", "--database", f"sqlite:///{tmp_path}/none.db"),
        **environment(TOKENBOOTH_REDIS=cluster.server.url),
    )

    about = {each["about"] for each in json.loads(done.stdout)}
    assert {"redis_without_password", "redis_away"} <= about
