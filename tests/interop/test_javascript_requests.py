"""What clients in JavaScript ask for beyond a plain token: exchange, details, registration."""

import json

import pytest

from tests.interop.guarded_api import guarded_api
from tests.interop.javascript import Refused
from tests.interop.registered import with_secret
from tokenbooth.management.clients.registrations import create_token
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.authorization_details import DetailType
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.token_exchange import TOKEN_EXCHANGE
from tokenbooth.server.records import ApiPolicy, ClientPolicy

every_library = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@every_library
def test_a_token_is_exchanged_for_one_to_the_next_api(demo, javascript, library):
    first, second = (f"{name}-{library}" for name in ("first", "second"))
    audiences = [demo.add_api(name, f"{name}:read") for name in (first, second)]
    caller = demo.register(first, second)
    gateway = with_secret(
        demo,
        "client_secret_basic",
        second,
        resource_server_for=[first],
        grants=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE),
    )
    service = {"issuer": demo.url, "by": gateway, "grant": TOKEN_EXCHANGE}
    subject = {
        "subject_token": demo.access_token(caller, resource=audiences),
        "subject_token_type": ACCESS_TOKEN,
    }

    wanted = {**subject, "resource": audiences[1]}
    answer = javascript(library, "exchange", **service, parameters=wanted)
    assert answer["issued_token_type"] == ACCESS_TOKEN
    told = javascript(
        library, "introspect", issuer=demo.url, by=gateway, token=answer["access_token"]
    )
    assert (told["sub"], told["client_id"]) == (caller.client_id, gateway["client_id"])
    assert told["aud"] == audiences[1]

    wanted["resource"] = "https://nowhere.example"
    with pytest.raises(Refused) as refused:
        javascript(library, "exchange", **service, parameters=wanted)
    assert refused.value.error == "invalid_target"


@every_library
def test_details_say_what_a_token_is_for(demo, javascript, library):
    name = f"payments-{library}"
    kind = DetailType(type="payment", actions=("read", "start"), fields=("amount",))
    policy = ApiPolicy(authorization_details=(kind,))
    demo.manage(
        lambda booth: create_api(
            booth, name=name, audience=f"https://{name}.example", scopes=name, policy=policy
        )
    )
    metadata = "/.well-known/oauth-authorization-server"
    demo.wait_everywhere(lambda: f'"{name}"' in demo.http.get(metadata).text)
    allowed = ClientPolicy(authorization_details=("payment",))
    by = with_secret(demo, "client_secret_post", name, policy=allowed)
    service = {"issuer": demo.url, "by": by}
    details = [{"type": "payment", "actions": ["start"], "amount": {"eur": "100.00"}}]

    asked = {"authorization_details": json.dumps(details)}
    answer = javascript(library, "token", **service, parameters=asked)
    assert answer["authorization_details"] == details
    told = javascript(library, "introspect", token=answer["access_token"], **service)
    assert told["authorization_details"] == details

    asked = {"authorization_details": json.dumps([{"type": "payment", "actions": ["end"]}])}
    with pytest.raises(Refused) as refused:
        javascript(library, "token", **service, parameters=asked)
    assert refused.value.error == "invalid_authorization_details"


@every_library
@pytest.mark.parametrize("method", ["client_secret_basic", "private_key_jwt"])
def test_a_client_registers_itself_and_gets_a_token(demo, javascript, library, method):
    made = demo.manage(lambda booth: create_token(booth, apis=["demo"]))
    initial = made.initial_access_token.reveal()
    demo.confidential.add(initial)
    wishes = {"client_name": "robot", "token_endpoint_auth_method": method}
    if method == "private_key_jwt":
        public = javascript("keys", "make", alg="ES256")
        wishes["jwks"] = {"keys": [public]}

    asked = {"issuer": demo.url, "initialAccessToken": initial, "wishes": wishes}
    entry = javascript(library, "register", **asked)
    by = {"client_id": entry["client_id"], "method": method}
    by |= (
        {"kid": public["kid"]}
        if method == "private_key_jwt"
        else {"secret": entry["client_secret"]}
    )
    token = javascript(library, "token", issuer=demo.url, by=by)["access_token"]
    whoami = f"{demo.url}/demo/default/whoami"
    called = javascript(library, "call", issuer=demo.url, by=by, url=whoami, token=token)
    assert called["client_id"] == entry["client_id"]

    with pytest.raises(Refused) as refused:
        javascript(library, "register", **asked)
    assert refused.value.status == 401


def test_who_knows_the_api_alone_finds_the_way_to_a_token(demo, javascript):
    with guarded_api(demo.url, publish_metadata=True, scopes_supported="found:read") as url:
        demo.manage(
            lambda booth: create_api(booth, name="found", audience=url, scopes="found:read")
        )
        metadata = "/.well-known/oauth-authorization-server"
        demo.wait_everywhere(lambda: '"found:read"' in demo.http.get(metadata).text)
        by = with_secret(demo, "client_secret_basic", "demo", "found")

        told = javascript("oauth4webapi", "discoverResource", url=url)
        asked = {"resource": told["resource"], "scope": " ".join(told["scopes_supported"])}
        service = {"issuer": told["authorization_servers"][0], "by": by, "parameters": asked}
        token = javascript("oauth4webapi", "token", **service)["access_token"]
        called = javascript("oauth4webapi", "call", url=f"{url}/persons", token=token)
    assert called == {"client_id": by["client_id"]}
