"""Whatever one node was told is in force at all of them within a second."""

import time
from collections.abc import Callable

import pytest

from tests.cluster.nodes import Cluster
from tests.end_to_end.service import Registered, Service
from tokenbooth.protocol.jwt import read_jwt

PROMISED = 1.0  # seconds, from the acknowledgement to the last answer of the old state
PATIENCE = 30.0


@pytest.fixture(scope="module")
def management(three: Cluster) -> Registered:
    return three.register("management")


class Change:
    """Changes something at the first node, and watches the others."""

    def __init__(self, three: Cluster, management: Registered) -> None:
        self.three = three
        self.first, *_ = three.nodes
        self._token = self.first.access_token(management)

    def __call__(self, method: str, path: str, body: object = None) -> dict[str, object]:
        json_body = {} if body is None else {"json": body}
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self.first.http.request(method, f"/api/v1{path}", headers=headers, **json_body)
        assert answer.status_code in (200, 201, 204), answer.text
        return answer.json() if answer.content else {}

    def assert_in_force(self, is_new: Callable[[Service], bool]) -> None:
        """Ask all nodes over and over; none gives an old answer a second after this call.

        On a busy machine an answer may be on its way for longer than the change itself, so the
        longest round of questions is allowed on top.
        """
        acknowledged = time.monotonic()
        last_old, longest = acknowledged, 0.0
        while (began := time.monotonic()) < acknowledged + PATIENCE:
            are_new = self.three.everywhere(is_new)
            longest = max(longest, time.monotonic() - began)
            if all(are_new):
                break
            last_old = began
        assert all(are_new)
        assert last_old - acknowledged <= PROMISED + longest, (last_old - acknowledged, longest)


@pytest.fixture
def change(three, management):
    return Change(three, management)


def test_a_revocation(three, change):
    client = three.register()
    token = change.first.access_token(client)

    change.first.revoke(client, token)

    # At once: introspection reads what the database has.
    assert not any(three.everywhere(lambda node: node.is_active(client, token)))


def test_a_disabled_client(three, change):
    client = three.register()
    token = change.first.access_token(client)

    change("POST", f"/clients/{client.client_id}/disable")

    change.assert_in_force(lambda node: node.token(client).status_code == 401)
    keeper = three.register(resource_server_for=["persons"])
    assert not any(three.everywhere(lambda node: node.is_active(keeper, token)))


def test_a_further_secret_and_the_end_of_the_first_one(three, change):
    client = three.register()
    path = f"/clients/{client.client_id}/credentials"

    made = change("POST", path, {})
    second = Registered(client_id=client.client_id, secret=str(made["client_secret"]))
    change.assert_in_force(lambda node: node.token(second).status_code == 200)

    change("DELETE", f"{path}/{client.credential_id}")
    change.assert_in_force(lambda node: node.token(client).status_code == 401)
    assert {each.status_code for each in three.everywhere(lambda n: n.token(second))} == {200}


def test_a_new_key_and_one_that_is_gone(three, change):
    change("POST", "/issuers", {"name": "keyed"})
    three.settled(lambda node: node.http.get("/keyed/.well-known/jwks.json").status_code == 200)
    three.add_api("keyed", "keyed:read", issuer="keyed")
    client = three.register("keyed", issuer="keyed")
    token = change.first.access_token(client)
    old = read_jwt(token).header.kid

    def published(node: Service) -> set[str]:
        keys = node.http.get("/keyed/.well-known/jwks.json").json()["keys"]
        return {key["kid"] for key in keys}

    def kid_of(node: Service) -> str | None:
        return read_jwt(node.access_token(client)).header.kid

    before = published(change.first)
    change("POST", "/keys/rotate", {"issuer": "keyed", "lead": 0})
    change.assert_in_force(lambda node: published(node) > before)
    # It signs once all nodes publish it; what was signed before is good until it ends.
    three.settled(lambda node: kid_of(node) != old)
    assert all(three.everywhere(lambda node: node.is_active(client, token)))

    change("DELETE", f"/keys/{old}?force=true")
    change.assert_in_force(lambda node: old not in published(node))
    assert not any(three.everywhere(lambda node: node.is_active(client, token)))


def test_a_changed_policy_of_an_issuer(three, change):
    client = three.register()
    before = change.first.token(client).json()["expires_in"]

    change("PATCH", "/issuers/default", {"token_lifetime": 1234})
    change.assert_in_force(lambda node: node.token(client).json()["expires_in"] == 1234)

    change("PATCH", "/issuers/default", {"token_lifetime": before})
    change.assert_in_force(lambda node: node.token(client).json()["expires_in"] == before)


def test_a_changed_policy_of_a_client(three, change):
    client = three.register()

    change("PATCH", f"/clients/{client.client_id}", {"dpop_bound": True})

    change.assert_in_force(lambda node: node.token(client).status_code == 400)


def test_a_new_issuer_with_a_dialect_and_a_new_api(three, change):
    change("POST", "/issuers", {"name": "vendor", "dialect": "trulioo-platform"})
    # The dialect's own path is there, and refuses as it does.
    nobody = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    change.assert_in_force(
        lambda node: node.post("/vendor/connect/token", nobody).status_code == 401
    )

    new = {"name": "orders", "audience": "https://orders.example", "scopes": ["orders:read"]}
    change("POST", "/apis", new)
    place = "/.well-known/oauth-authorization-server"
    change.assert_in_force(lambda node: "orders:read" in node.http.get(place).text)
