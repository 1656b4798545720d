"""Tokens as RFC 9068 has them, or sealed, and recognised again whatever their kind."""

import re

import pytest

from tests.server.booths import BASE_URL, PERSONS, header_of, payload_of
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt, sign_jwt, verify_jwt
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.keyring import new_sealing_key, new_signing_key
from tokenbooth.server.recognition import recognise, recognise_refresh_token


async def make(town, *, issuer="default", **changes):
    """A token, through the front door."""
    secret = await town.add_client(issuer=issuer, **changes)
    path = "/oauth2/token" if issuer == "default" else f"/{issuer}/oauth2/token"
    client_id = changes.get("client_id", "ada")
    return (await town.token(secret, path=path, client_id=client_id)).json()


def refusal(town, token, now=None, recogniser=recognise):
    with pytest.raises(TokenRefused) as caught:
        recogniser(Secret(token), town.issuer(), town.clock.now() if now is None else now)
    return caught.value.reason


async def test_a_jwt_has_every_claim_of_rfc_9068_and_its_type(town, clock):
    token = (await make(town))["access_token"]

    header, claims = header_of(token), payload_of(token)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": town.issuer().keys.signing.public.kid}
    assert {name: claims[name] for name in ("iss", "sub", "client_id", "aud", "scope")} == {
        "iss": BASE_URL,
        "sub": "ada",
        "client_id": "ada",
        "aud": PERSONS,
        "scope": "persons:read",
    }
    assert (claims["iat"], claims["exp"]) == (clock.now(), clock.now() + 3600)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", claims["jti"])
    registered = await town.store.get_client("default", "ada")
    assert claims["credential_id"] == registered.credentials[0].id


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_a_jwt_is_verified_by_the_published_key(town, alg):
    issuer = await town.add_issuer("sandbox", alg=alg)
    await town.add_api("persons", PERSONS, "persons:read", issuer=issuer.name)
    token = (await make(town, issuer="sandbox"))["access_token"]

    unverified = read_jwt(token)
    keys = town.issuer("sandbox").keys
    claims = verify_jwt(unverified, keys.verification(unverified.kid, alg))

    assert claims["iss"] == f"{BASE_URL}/sandbox"


async def test_no_two_tokens_are_the_same(town):
    secret = await town.add_client(token_format="opaque")

    tokens = {(await town.token(secret)).json()["access_token"] for _ in range(50)}

    assert len(tokens) == 50


async def test_a_new_token_leaves_older_ones_valid(town):
    secret = await town.add_client()
    older = (await town.token(secret)).json()["access_token"]
    await town.token(secret)

    assert (await town.introspect(secret, older)).json()["active"] is True


async def test_no_refresh_token_comes_unless_the_issuer_gives_them(town):
    assert "refresh_token" not in await make(town)


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_recognises_its_own_access_tokens_until_they_expire(town, clock, token_format):
    token = (await make(town, token_format=token_format))["access_token"]

    ours = recognise(Secret(token), town.issuer(), clock.now() + 3599.9)

    assert (ours.kind, ours.client_id, ours.audience) == ("access_token", "ada", (PERSONS,))
    assert refusal(town, token, clock.now() + 3600) == "expired"


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_does_not_recognise_the_tokens_of_another_issuer(town, token_format):
    await town.add_issuer("sandbox")
    await town.add_api("persons", PERSONS, "persons:read", issuer="sandbox")
    token = (await make(town, issuer="sandbox", token_format=token_format))["access_token"]

    assert refusal(town, token) == "unknown_key"


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_an_access_token_is_no_refresh_token(town, token_format):
    token = (await make(town, token_format=token_format))["access_token"]

    assert refusal(town, token, recogniser=recognise_refresh_token) == "malformed"


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt", "dpop+jwt", ""])
async def test_nothing_else_that_an_issuer_signed_passes_for_an_access_token(town, typ):
    good = payload_of((await make(town))["access_token"])

    forged = sign_jwt(good, town.issuer().keys.signing.key, typ=typ)

    assert refusal(town, forged) == "wrong_type"


async def test_a_foreign_key_of_any_algorithm_signs_nothing(town):
    good = payload_of((await make(town))["access_token"])

    for alg in ("ES256", "EdDSA"):
        assert refusal(town, sign_jwt(good, generate_key(alg), typ="at+jwt")) == "unknown_key"


async def test_tokens_outlive_the_keys_that_made_them_until_these_expire(town, clock):
    jwt = (await make(town))["access_token"]
    opaque = (await make(town, client_id="bob", token_format="opaque"))["access_token"]
    clock.travel(10)
    vault, now = town.booth.vault, clock.now()
    await town.store.add_key(new_signing_key("default", "EdDSA", vault, now=now, activates_at=now))
    await town.store.add_key(new_sealing_key("default", vault, now=now))
    await town.registry.refresh()

    for token in (jwt, opaque):
        assert recognise(Secret(token), town.issuer(), now)
    assert header_of((await make(town, client_id="cy"))["access_token"])["alg"] == "EdDSA"


async def test_a_token_from_before_the_clock_was_set_back_is_not_valid_yet(town, clock):
    token = (await make(town))["access_token"]

    clock.step(-3600)

    assert refusal(town, token) == "not_yet_valid"


@pytest.mark.parametrize("token", ["", ".", "..", "tbo_", "tbr_", "a.b.c", "\u00e9", "x" * 20_000])
async def test_garbage_is_not_recognised(town, token):
    assert refusal(town, token) in ("malformed", "too_long", "unknown_key", "unsigned")
