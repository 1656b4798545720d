"""Any node serves any request: what one has given, taken or seen counts at the others."""

import json
import re
import time
from contextlib import closing
from uuid import uuid4

import httpx2
import pytest

from tests.cluster.nodes import Cluster
from tests.console.people import COOKIE
from tests.end_to_end.service import Registered, Service, eventually
from tests.protocol.proofs import proof
from tokenbooth.client import Secret, TokenSource
from tokenbooth.console.origin import csrf_token
from tokenbooth.guard import Guard, Refusal
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.management.people.invitations import invite
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.protocol.keys import generate_key
from tokenbooth.remote.fetch import HttpFetch
from tokenbooth.server.records import ClientPolicy

PASSWORD = "four quiet horses graze"
ISSUED = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def client(three: Cluster) -> Registered:
    return three.register()


@pytest.fixture(scope="module")
def management(three: Cluster) -> str:
    """A token for the management API."""
    return three.nodes[0].access_token(three.register("management"))


def manage(
    node: Service, token: str, method: str, path: str, body: object = None, **headers: str
) -> httpx2.Response:
    sent = {"Authorization": f"Bearer {token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    json_body = {} if body is None else {"json": body}
    answer = node.http.request(method, f"/api/v1{path}", headers=sent, **json_body)
    node.confidential |= set(re.findall(r"tbs_\w+", answer.text))
    return answer


def test_a_token_of_any_node_is_active_at_all_and_revoked_at_all(three, client):
    first, *_, last = three.nodes
    for node in three.nodes:
        token = node.access_token(client)
        assert set(three.everywhere(lambda other: other.is_active(client, token))) == {True}  # noqa: B023 - called at once

        revoking = last if node is first else first
        assert revoking.revoke(client, token).status_code == 200
        assert set(three.everywhere(lambda other: other.is_active(client, token))) == {False}  # noqa: B023 - called at once


def test_all_nodes_publish_the_same_issuer_and_keys(three):
    keys = three.everywhere(lambda node: node.http.get("/.well-known/jwks.json").text)
    place = "/.well-known/oauth-authorization-server"
    metadata = three.everywhere(lambda node: node.http.get(place).json())

    assert len(set(keys)) == 1
    for each in metadata:
        del each["signed_metadata"]  # no two signatures are equal
    assert all(each == metadata[0] for each in metadata)
    assert metadata[0]["issuer"] == three.url


def test_a_refresh_token_goes_from_node_to_node_and_is_spent_at_all(three):
    three.manage(lambda booth: create_issuer(booth, name="phones", dialect="truphone"))
    three.add_api("calls", "call", issuer="phones")
    client = three.register("calls", issuer="phones")

    def refresh(node: Service, token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return node.post("/phones/oauth2/token", form, client)

    first, second, third = three.nodes
    tokens = [first.token(client).json()["refresh_token"]]
    for node in (second, third, first, second):
        answer = refresh(node, tokens[-1])
        assert answer.status_code == 200, answer.text
        tokens.append(answer.json()["refresh_token"])

    # Spent, at whichever node: somebody has stolen it, and the whole family ends.
    assert refresh(third, tokens[0]).json()["error"] == "invalid_grant"
    assert refresh(first, tokens[-1]).json()["error"] == "invalid_grant"


def test_a_nonce_of_one_node_is_good_at_the_others_and_a_proof_only_once(three):
    bound = three.register(policy=ClientPolicy(dpop_bound=True, dpop_nonce=True))
    url = f"{three.url}/oauth2/token"
    first, second, third = three.nodes

    def ask(node: Service, made: str) -> httpx2.Response:
        return node.post("/oauth2/token", ISSUED, bound, {"DPoP": made})

    refused = ask(first, proof(url=url, now=time.time()))
    assert refused.json()["error"] == "use_dpop_nonce"
    made = proof(url=url, now=time.time(), nonce=refused.headers["dpop-nonce"])

    assert ask(second, made).json()["token_type"] == "DPoP"
    again = {ask(node, made).json()["error"] for node in (first, second, third)}
    assert again == {"invalid_dpop_proof"}


def test_an_assertion_that_one_node_has_taken_is_refused_by_the_others(three):
    key = generate_key("ES256")
    proofs = read_keys(json.dumps(key.public.to_jwk())).proofs
    three.register(client_id="signer", proofs=proofs)

    def status(node: Service, assertion: str) -> int:
        form = {"client_assertion_type": JWT_BEARER_ASSERTION, "client_assertion": assertion}
        return node.post("/oauth2/token", ISSUED | form).status_code

    def assertion() -> str:
        return make_client_assertion(
            key, client_id="signer", audience=three.url, jti=uuid4().hex, now=time.time()
        ).reveal()

    first, second, third = three.nodes
    three.settled(lambda node: status(node, assertion()) == 200)
    used = assertion()
    assert [status(node, used) for node in (second, first, third)] == [200, 401, 401]


def test_a_session_of_the_console_is_good_at_every_node_and_ended_at_every_node(three):
    made = three.manage(lambda booth: invite(booth, email="op@example.com", role="operator"))
    headers = {"Origin": three.url, "Host": three.url.partition("://")[2]}
    first, *others = three.nodes

    joined = first.http.post(
        f"/console/join/{made.link.reveal().rpartition('/')[2]}",
        data={"password": PASSWORD, "again": PASSWORD},
        headers=headers,
    )
    assert joined.status_code == 303, joined.text
    session = joined.cookies[COOKIE]
    headers["Cookie"] = f"{COOKIE}={session}"

    def page(node: Service) -> httpx2.Response:
        return node.http.get("/console/", headers=headers)

    assert all("op@example.com" in page(node).text for node in others)
    ended = others[0].http.post(
        "/console/sign-out", data={"csrf": csrf_token(session)}, headers=headers
    )
    assert ended.status_code == 303
    assert {answer.status_code for answer in three.everywhere(page)} == {303}


def test_a_state_read_at_one_node_is_compared_at_another(three, management):
    first, second, third = three.nodes
    three.register(client_id="edited")
    path = "/clients/edited"

    known = manage(first, management, "GET", path).headers["ETag"]
    again = manage(second, management, "GET", path, If_None_Match=known)
    changed = manage(second, management, "PATCH", path, {"name": "New"}, If_Match=known)
    late = manage(third, management, "PATCH", path, {"name": "Old"}, If_Match=known)

    assert (again.status_code, changed.status_code, late.status_code) == (304, 200, 412)
    assert manage(first, management, "GET", path).json()["name"] == "New"


def test_a_repeated_request_is_done_once_whichever_node_gets_it(three, management):
    key, body = uuid4().hex, {"apis": ["persons"]}

    first, *repeated = [
        manage(node, management, "POST", "/clients", body, Idempotency_Key=key)
        for node in three.nodes
    ]

    assert first.status_code == 201
    assert {each.text for each in repeated} == {first.text}
    assert {each.headers["Idempotency-Replayed"] for each in repeated} == {"true"}


def test_client_and_guard_work_through_the_proxy(three, client):
    with (
        closing(HttpFetch(tls=three.tls)) as fetch,
        closing(
            Guard(
                three.url,
                "https://persons.example",
                follow_revocations=True,
                revocation_poll_seconds=0.2,
                fetch=fetch,
            )
        ) as guard,
        TokenSource(
            issuer=three.url,
            client_id=client.client_id,
            secret=Secret(client.secret),
            tls=three.tls,
        ) as source,
    ):
        token = source.token().access_token
        headers = {"Authorization": f"Bearer {token}"}
        assert guard.verify_sync(headers).client_id == client.client_id

        assert three.nodes[1].revoke(client, token).status_code == 200

        def is_refused() -> bool:
            try:
                guard.verify_sync(headers)
            except Refusal as refusal:
                return refusal.status == 401
            return False

        eventually(is_refused, within=20)


def test_requests_through_the_proxy_reach_every_node_once(three, client):
    with three.http(auth=client.basic) as http:
        answers = [http.post("/oauth2/token", data=ISSUED) for _ in range(24)]

    assert {answer.status_code for answer in answers} == {200}
    ids = [answer.headers["x-request-id"] for answer in answers]
    eventually(lambda: all(sum(each in node.log for node in three.nodes) == 1 for each in ids))
    assert all(any(each in node.log for each in ids) for node in three.nodes)
