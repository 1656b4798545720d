"""Budgets, quotas and networks as the real program keeps them, with two workers."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.service import Registered, eventually

ON = {"TOKENBOOTH_FAILURES_PER_CLIENT": "20", "TOKENBOOTH_FAILURES_PER_SOURCE": "300"}
PROXY = ("--trusted-proxy", "127.0.0.0/8")


@pytest.fixture
def service(fresh):
    """Two workers behind what they take for a proxy, so that tests can come from anywhere."""
    service = fresh("limited", "--workers", "2", *PROXY, variables=ON)
    service.add_api("persons", "persons:read")
    return service


def test_says_at_the_start_what_a_trusted_proxy_must_do(service):
    assert "must set or remove the header client-cert" in (service.folder / "stderr").read_text()


def asked(service, client_id, secret, source):
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}", "X-Forwarded-For": source}
    form = {"grant_type": "client_credentials"}
    return service.post("/oauth2/token", form, headers=headers)


def test_two_workers_together_look_at_no_more_guesses_than_the_budget(service):
    client = service.register("persons")
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda n: asked(service, client.client_id, f"guess{n}", "198.51.100.9"), range(200)
            )
        )

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 20 + 4 + 2  # under way together; come back meanwhile
    slowed = next(answer for answer in answers if answer.status_code == 429)
    assert int(slowed.headers["retry-after"]) in range(1, 31)
    assert asked(service, *client.basic, "192.0.2.7").status_code == 200


def test_two_workers_together_grant_exactly_a_small_quota(service):
    if time.time() % 3600 > 3585:  # a new hour would bring a new quota
        time.sleep(16)
    made = service.told("clients", "create", "--api", "persons", "--quota", "30/h")
    client = Registered(client_id=made["client_id"], secret=made["client_secret"])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.token(client), range(60)))

    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 30
    assert statuses.count(429) == 30


def test_a_network_is_in_force_on_every_worker_once_it_is_set(service):
    client = service.register("persons")
    assert asked(service, *client.basic, "198.51.100.9").status_code == 200

    service.told("clients", "set", client.client_id, "--network", "192.0.2.0/24")
    eventually(
        lambda: all(
            asked(service, *client.basic, "198.51.100.9").status_code == 401 for _ in range(12)
        )
    )

    assert asked(service, *client.basic, "192.0.2.7").status_code == 200
    assert asked(service, *client.basic, "::ffff:192.0.2.7").status_code == 200
    assert "network_not_allowed" in service.log
