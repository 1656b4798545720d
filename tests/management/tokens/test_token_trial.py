"""The button "Test" and the preview, on a service in this process."""

import json
from dataclasses import replace

import pytest

from tests.server.booths import BASE_URL, running
from tokenbooth.management.clients.clients import create_client, set_enabled
from tokenbooth.management.clients.credentials import remove_credential
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.errors import BadInput, Missing, NotAllowed
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.management.tokens import token_test
from tokenbooth.management.tokens.token_preview import preview_token
from tokenbooth.protocol.dialects import built_in_dialects
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.actor import Actor
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.settings import Settings


@pytest.fixture
async def town(tmp_path, clock):
    settings = Settings(database=f"sqlite:///{tmp_path}/booth.db", issuer_url=BASE_URL)
    async with running(settings, clock) as town:
        yield town


async def made(town, *, dialect="standard", **wishes):
    """Register a client for two APIs at an issuer of that dialect."""
    booth = town.booth
    await create_issuer(booth, name="own", dialect=dialect)
    for name, scopes in (("persons", "persons:read persons:write"), ("orders", "orders:read")):
        audience = f"https://{name}.example.com"
        await create_api(booth, name=name, audience=audience, scopes=scopes, issuer="own")
    wishes = {"apis": ["persons"], "client_id": "my-app"} | wishes
    client = await create_client(booth, issuer="own", **wishes)
    await town.registry.refresh()
    return client


async def tried(town, client, **wishes):
    secret = wishes.pop("secret", None) or client.secret.client_secret
    return await token_test.test_token(town.booth, town.app, "my-app", secret, **wishes)


@pytest.mark.parametrize("dialect", sorted(built_in_dialects()))
async def test_gets_a_real_token_in_every_dialect_and_says_what_it_is(town, dialect):
    client = await made(town, dialect=dialect)
    lifetime = built_in_dialects()[dialect].issuer.token_lifetime

    result = await tried(town, client)

    assert result.is_granted
    assert (result.status, result.refusal) == (200, "")
    assert result.token.reveal() in result.answer
    assert result.request_id
    words = result.words
    assert words.who == "the client my-app"
    assert list(map(str, words.audiences)) == ["https://persons.example.com (the API persons)"]
    assert [each.name for each in words.scopes] == ["persons:read", "persons:write"]
    assert words.until.startswith("for ")
    assert words.until.endswith(" UTC")
    assert words.binding == "nothing: whoever has the token can use it"
    assert words.issuer == f"{BASE_URL}/own"
    assert words.key.startswith(("signed with ES256 by the key ", "sealed"))
    introspected = await town.introspect(
        client.secret.client_secret,
        result.token.reveal(),
        client_id="my-app",
        path="/own/oauth2/introspect",
    )
    assert introspected.json()["active"] is True
    assert introspected.json()["exp"] - introspected.json()["iat"] == lifetime


@pytest.mark.parametrize("dialect", ["standard", "truphone"])
async def test_shows_the_request_without_the_secret(town, dialect):
    client = await made(town, dialect=dialect)
    secret = client.secret.client_secret.reveal()

    result = await tried(town, client)

    assert result.request.startswith(f"POST {BASE_URL}/own/")
    assert token_test.MASK in result.request
    assert "scope=persons" in result.request
    for shown in (result.request, result.answer, repr(result)):
        assert secret not in shown
        assert secret[-12:] not in shown
    assert result.token.reveal() not in repr(result)


async def test_names_the_api_where_the_client_has_several(town):
    client = await made(town, apis=["persons", "orders"])

    result = await tried(town, client, api="orders")

    assert "resource=https" in result.request
    assert [each.name for each in result.words.audiences] == ["https://orders.example.com"]


async def test_tells_why_a_secret_is_refused(town):
    client = await made(town)

    result = await tried(town, client, secret=Secret("tbs_wrong"))

    assert not result.is_granted
    assert (result.status, result.token, result.words) == (401, None, None)
    assert result.refusal
    assert '"error": "invalid_client"' in result.answer


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 5000])
async def test_refuses_what_can_be_no_secret(town, text):
    client = await made(town)
    with pytest.raises(BadInput, match="Paste"):
        await token_test.test_token(town.booth, town.app, "my-app", Secret(text))
    assert client.secret is not None


async def test_the_request_comes_from_the_address_of_the_person(town):
    client = await made(town, policy=ClientPolicy(networks=("203.0.113.0/24",)))
    inside, outside = (
        town.booth.acting_as(Actor(kind="member", name="a@example.com", source=source))
        for source in ("203.0.113.9", "198.51.100.1")
    )
    secret = client.secret.client_secret

    from_inside = await token_test.test_token(inside, town.app, "my-app", secret)
    from_outside = await token_test.test_token(outside, town.app, "my-app", secret)

    assert (from_inside.is_granted, from_outside.is_granted) == (True, False)


async def test_a_client_that_proves_itself_otherwise_is_previewed_instead(town):
    client = await made(town, policy=ClientPolicy(dpop_bound=True))

    with pytest.raises(BadInput, match="Preview"):
        await tried(town, client)
    preview = await preview_token(town.booth, "my-app")

    assert preview.words.binding == "a key of the client (DPoP)"


async def test_the_preview_says_what_the_token_would_and_issues_none(town):
    client = await made(town, policy=ClientPolicy(claims={"tenant": "acme"}))
    before = await town.store.revision()

    preview = await preview_token(town.booth, "my-app")
    after = await town.store.revision()
    result = await tried(town, client)

    assert result.words.audiences == preview.words.audiences
    assert result.words.scopes == preview.words.scopes
    assert result.words.until == preview.words.until
    assert preview.claims["tenant"] == "acme"
    assert "jti" not in preview.claims
    assert preview.obstacles == ()
    assert after == before


async def test_the_preview_names_what_stands_in_the_way(town):
    client = await made(town)
    (credential,) = client.client.credentials
    await set_enabled(town.booth, "my-app", enabled=False)
    await remove_credential(town.booth, "my-app", credential.id)

    preview = await preview_token(town.booth, "my-app")

    assert [text.split(":")[0] for text in preview.obstacles] == [
        "The client is disabled",
        "The client has nothing to prove itself with",
    ]


async def test_the_preview_names_credentials_that_have_all_expired(town):
    await made(town)
    await rotate_secret(town.booth, "my-app", overlap=0)
    registered = await town.store.get_client("own", "my-app")
    for each in registered.credentials:
        await town.store.replace_credential(replace(each, expires_at=town.clock.now()))

    preview = await preview_token(town.booth, "my-app")

    assert preview.obstacles == ("All credentials of the client have expired: add another one.",)


async def test_the_preview_notes_what_a_request_must_fulfil_besides(town):
    rules = ClientPolicy(
        networks=("203.0.113.0/24",),
        quota_per_hour=50,
        dpop_bound=True,
        certificate_bound=True,
    )
    await made(town, dialect="trulioo-normalized", policy=rules)

    preview = await preview_token(town.booth, "my-app")

    assert preview.notes == (
        "The client proves itself with its secret, in the body of the request.",
        "It must call from 203.0.113.0/24.",
        "It gets at most 50 tokens an hour.",
        "The request needs a DPoP proof (RFC 9449).",
        "The request must come over a connection with its TLS certificate.",
    )
    assert preview.words.binding == "a key of the client (DPoP) and the client's TLS certificate"
    assert preview.words.key == "sealed: the issuer alone can read it"
    assert preview.token_format == "opaque"


async def test_a_client_without_a_secret_is_previewed_instead(town):
    key = json.dumps(generate_key("ES256").public.to_jwk())
    await made(town, proofs=read_keys(key).proofs)

    with pytest.raises(BadInput, match="which cannot be done here"):
        await token_test.test_token(town.booth, town.app, "my-app", Secret("tbs_x"))


async def test_says_that_an_answer_of_the_operators_own_dialect_is_of_no_use(tmp_path, clock):
    (tmp_path / "dialects").mkdir()
    own = 'name = "ours"\n[answer]\ntoken_type_value = "magic"\n'
    (tmp_path / "dialects" / "ours.toml").write_text(own)
    settings = Settings(
        database=f"sqlite:///{tmp_path}/booth.db",
        issuer_url=BASE_URL,
        dialects=str(tmp_path / "dialects"),
    )
    async with running(settings, clock) as town:
        result = await tried(town, await made(town, dialect="ours"))

    assert (result.status, result.token) == (200, None)
    assert "another type" in result.refusal


async def test_the_preview_tells_a_refusal_by_policy(town):
    await made(town, grants=("refresh_token",))

    preview = await preview_token(town.booth, "my-app")

    assert preview.words is None
    assert "may not use client_credentials" in preview.obstacles[0]


async def test_shows_nothing_to_whoever_may_not_see_the_client(town):
    client = await made(town)
    stranger = Actor(kind="member", name="b@example.com", rights=frozenset({"clients:read"}))
    nobody = town.booth.acting_as(Actor(kind="member", rights=frozenset()))
    foreign = town.booth.acting_as(
        Actor(kind="member", name=stranger.name, rights=stranger.rights, account="other")
    )
    secret = client.secret.client_secret

    with pytest.raises(NotAllowed):
        await preview_token(nobody, "my-app")
    with pytest.raises(NotAllowed):
        await token_test.test_token(nobody, town.app, "my-app", secret)
    with pytest.raises(Missing):
        await preview_token(foreign, "my-app")
    with pytest.raises(Missing):
        await token_test.test_token(foreign, town.app, "my-app", secret)
