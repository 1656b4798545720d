"""An API that calls the next API for its caller: guard, exchange and guard again (RFC 8693)."""

import json
from contextlib import closing

import pytest

from tokenbooth.client import TokenRequestRefused, TokenSource
from tokenbooth.guard import Guard

WHOLE_SCOPE = "front:read back:read"


@pytest.fixture(scope="module")
def apis(demo):
    """Two APIs, a first client that may reach both, and the front API's own client."""
    front = demo.add_api("front", "front:read")
    back = demo.add_api("back", "back:read")
    first = demo.told("clients", "create", "--id", "first", "--api", "front", "--api", "back")
    gateway = demo.told(
        "clients", "create", "--id", "gateway", "--api", "back", "--resource-server", "front",
        "--grant", "client-credentials", "--grant", "token-exchange",
    )  # fmt: skip
    for made in (first, gateway):
        demo.confidential.add(made["client_secret"])
    return {"front": front, "back": back, "first": first, "gateway": gateway}


def source(demo, made, **more):
    return TokenSource(issuer=demo.url, client_id=made["client_id"], secret=_given(made), **more)


def _given(made):
    return lambda: made["client_secret"]


@pytest.fixture
def first_token(demo, apis):
    both = [apis["front"], apis["back"]]
    with source(demo, apis["first"], resource=both, scope=WHOLE_SCOPE) as tokens:
        token = tokens.token().access_token
    demo.confidential.add(token)
    return token


@pytest.mark.parametrize("as_actor", [False, True])
async def test_the_next_api_sees_the_first_caller_and_who_calls_for_it(
    demo, apis, first_token, as_actor
):
    with (
        closing(Guard(issuer=demo.url, audience=apis["front"])) as front,
        closing(Guard(issuer=demo.url, audience=apis["back"])) as back,
        source(demo, apis["gateway"]) as gateway,
    ):
        assert (await front.verify(_bearer(first_token))).subject == "first"
        token = await gateway.aexchange(first_token, resource=apis["back"], as_actor=as_actor)
        caller = await back.verify(_bearer(token.access_token), scopes="back:read")

    demo.confidential.add(token.access_token)
    assert (caller.subject, caller.client_id) == ("first", "gateway")
    assert caller.claims.get("act") == ({"sub": "gateway"} if as_actor else None)
    assert str(token.scope) == "back:read"


def test_what_the_first_caller_did_not_give_cannot_be_had(demo, apis):
    with source(demo, apis["first"], resource=apis["front"]) as tokens:
        token = tokens.token().access_token
    demo.confidential.add(token)

    with source(demo, apis["gateway"]) as gateway:
        with pytest.raises(TokenRequestRefused) as refused:
            gateway.exchange(token, resource=apis["back"])
        assert "invalid_target" in str(refused.value)
        assert token not in str(refused.value)
        # Its own token is another matter.
        demo.confidential.add(gateway.token().access_token)


def test_a_source_keeps_its_own_token_apart_from_exchanged_ones(demo, apis, first_token):
    with source(demo, apis["gateway"]) as gateway:
        own = gateway.token()
        exchanged = gateway.exchange(first_token, resource=apis["back"])

        assert gateway.token() == own
        assert exchanged.access_token != own.access_token
        demo.confidential |= {own.access_token, exchanged.access_token}


def test_revoked_on_any_worker_the_subject_is_exchanged_no_more(demo, apis, first_token):
    form = {"token": first_token}
    made = apis["first"]
    assert demo.post("/oauth2/revoke", form, (made["client_id"], made["client_secret"])).is_success

    with source(demo, apis["gateway"]) as gateway, pytest.raises(TokenRequestRefused):
        gateway.exchange(first_token, resource=apis["back"])


def test_the_command_line_shows_what_the_client_may_exchange(demo, apis):
    shown = demo.told("clients", "show", "gateway")

    assert "urn:ietf:params:oauth:grant-type:token-exchange" in json.dumps(shown["grant_types"])


def _bearer(token):
    return {"authorization": f"Bearer {token}"}
