"""Bound tokens over HTTP: the service with two workers, the guard, and our client in between."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.end_to_end.service import Registered, running
from tests.protocol.jose import key_for
from tests.protocol.proofs import proof
from tokenbooth.client import Secret, TokenRequestRefused, TokenSource
from tokenbooth.protocol.dpop import make_proof
from tokenbooth.server.records import ClientPolicy

ES256 = key_for("ES256")


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dpop"), "--workers", "2", "--demo") as service:
        yield service


@pytest.fixture(scope="module")
def bound_client(two_workers):
    return two_workers.register("demo", policy=ClientPolicy(dpop_bound=True, dpop_nonce=True))


@pytest.fixture(scope="module")
def client(two_workers):
    return two_workers.register("demo")


def source_of(service, client, **more):
    return TokenSource(
        issuer=service.url, client_id=client.client_id, secret=Secret(client.secret), **more
    )


def ask(service, client, made):
    form = {"grant_type": "client_credentials"}
    return service.post("/oauth2/token", form, client, {"DPoP": made})


def new_proof(service, **changes):
    return proof(url=f"{service.url}/oauth2/token", now=time.time(), **changes)


def test_one_proof_sent_50_times_at_once_to_two_workers_wins_once(two_workers, client):
    made = new_proof(two_workers)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(two_workers, client, made), range(50)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [400] * 49
    codes = {answer.json()["error"] for answer in answers if answer.status_code == 400}
    assert codes == {"invalid_dpop_proof"}


def test_a_nonce_of_one_worker_is_good_at_the_other(two_workers, bound_client):
    refused = ask(two_workers, bound_client, new_proof(two_workers))
    assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
    nonce = refused.headers["dpop-nonce"]

    answers = [
        ask(two_workers, bound_client, new_proof(two_workers, nonce=nonce)) for _ in "12345678"
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["token_type"] for answer in answers} == {"DPoP"}


def test_our_client_calls_a_guarded_api_with_bound_tokens(two_workers, bound_client):
    source = source_of(two_workers, bound_client, dpop=True)
    with source, httpx2.Client(auth=source.auth, trust_env=False) as http:
        answers = [http.get(f"{two_workers.url}/demo/default/whoami?n={n}") for n in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["client_id"] == bound_client.client_id


def test_a_stolen_bound_token_opens_nothing(two_workers, bound_client):
    whoami = f"{two_workers.url}/demo/default/whoami"
    with source_of(two_workers, bound_client, dpop=True) as source:
        stolen = source.token().access_token
    thief = make_proof(ES256, method="GET", url=whoami, now=time.time(), access_token=stolen)

    for headers in (
        {"Authorization": f"Bearer {stolen}"},
        {"Authorization": f"DPoP {stolen}"},
        {"Authorization": f"DPoP {stolen}", "DPoP": thief},
    ):
        answer = two_workers.http.get(whoami, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("DPoP error=")


def test_a_client_that_must_be_bound_gets_no_bearer_token(two_workers, bound_client):
    answer = two_workers.token(bound_client)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    with source_of(two_workers, bound_client) as source, pytest.raises(TokenRequestRefused):
        source.token()


def test_introspection_tells_to_which_key_a_token_is_bound(two_workers, client):
    token = ask(two_workers, client, new_proof(two_workers)).json()["access_token"]

    told = two_workers.introspect(client, token).json()

    assert (told["active"], told["token_type"]) == (True, "DPoP")
    assert told["cnf"] == {"jkt": ES256.public.thumbprint}


def test_the_command_line_makes_clients_and_issuers_that_need_proofs(two_workers):
    made = two_workers.told("clients", "create", "--api", "demo", "--dpop-bound")
    bound = Registered(client_id=made["client_id"], secret=made["client_secret"])
    two_workers.confidential.add(bound.secret)
    assert two_workers.token(bound).json()["error"] == "invalid_dpop_proof"
    assert ask(two_workers, bound, new_proof(two_workers)).json()["token_type"] == "DPoP"
    shown = two_workers.told("clients", "show", bound.client_id)
    assert shown["policy"]["dpop_bound"] is True

    two_workers.told("issuers", "create", "careful", "--dpop-nonce")
    two_workers.add_api("vault", "vault:open", issuer="careful")
    careful = two_workers.register("vault", issuer="careful")
    answer = two_workers.post(
        "/careful/oauth2/token",
        {"grant_type": "client_credentials"},
        careful,
        {"DPoP": proof(url=f"{two_workers.url}/careful/oauth2/token", now=time.time())},
    )
    assert answer.json()["error"] == "use_dpop_nonce"
