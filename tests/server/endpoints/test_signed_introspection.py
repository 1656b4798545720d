"""Introspection answers as JWTs, for callers that ask for them (RFC 9701)."""

import pytest

from tests.server.booths import BASE_URL
from tokenbooth.protocol.jwt import read_jwt, verify_jwt

SIGNED = "application/token-introspection+jwt"


@pytest.fixture
async def secret(town):
    return await town.add_client()


async def ask(town, secret, token, accept):
    form = {"client_id": "ada", "client_secret": secret.reveal(), "token": token}
    return await town.http.post("/oauth2/introspect", data=form, headers={"Accept": accept})


def claims_of(town, answer):
    unverified = read_jwt(answer.text)
    assert unverified.typ == "token-introspection+jwt"
    return verify_jwt(unverified, town.issuer().keys.signing.public)


async def test_says_the_same_as_the_plain_answer_to_the_caller_alone(town, secret, clock):
    token = (await town.token(secret)).json()["access_token"]
    plain = (await town.introspect(secret, token)).json()

    answer = await ask(town, secret, token, SIGNED)

    assert (answer.status_code, answer.headers["content-type"]) == (200, SIGNED)
    assert answer.headers["cache-control"] == "no-store"
    assert claims_of(town, answer) == {
        "iss": BASE_URL,
        "aud": "ada",
        "iat": clock.now(),
        "token_introspection": plain,
    }


async def test_an_inactive_token_gets_a_signed_no(town, secret):
    answer = await ask(town, secret, "garbage", SIGNED)

    assert claims_of(town, answer)["token_introspection"] == {"active": False}


@pytest.mark.parametrize("accept", [f"text/html, {SIGNED};q=0.9", SIGNED.upper(), f" {SIGNED} "])
async def test_is_given_wherever_it_is_named(town, secret, accept):
    assert (await ask(town, secret, "x", accept)).headers["content-type"] == SIGNED


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*", f"{SIGNED}; q=0", f"{SIGNED}x", ""]
)
async def test_is_not_given_where_it_is_not_named(town, secret, accept):
    assert (await ask(town, secret, "x", accept)).json() == {"active": False}


async def test_is_no_access_token_and_no_answer_to_itself(town, secret):
    token = (await town.token(secret)).json()["access_token"]
    signed = (await ask(town, secret, token, SIGNED)).text

    assert (await town.introspect(secret, signed)).json() == {"active": False}


async def test_is_advertised_with_its_algorithm(town):
    metadata = (await town.http.get("/.well-known/oauth-authorization-server")).json()

    assert metadata["introspection_signing_alg_values_supported"] == ["ES256"]
