"""Tokens that end before they expire, as introspection and the refresh grant see them."""

import pytest

from tests.server.booths import payload_of, running
from tokenbooth.management.clients.clients import delete_client, revoke_tokens, set_enabled
from tokenbooth.management.clients.credentials import remove_credential, revoke_credential_tokens
from tokenbooth.management.service.issuers import revoke_issuer_tokens

FORMATS = ("jwt", "opaque")


@pytest.fixture(params=FORMATS)
def token_format(request):
    return request.param


@pytest.fixture
async def secret(town, token_format):
    return await town.add_client(token_format=token_format)


@pytest.fixture
async def asker(town):
    """The secret of an API's own client, `api`, which asks about the tokens it receives."""
    return await town.add_client(client_id="api", access={}, resource_server_for=("persons",))


@pytest.fixture
async def is_active(town, asker):
    async def ask(token, node=town):
        answer = await node.introspect(asker, token, client_id="api")
        assert answer.status_code == 200, answer.text
        if not answer.json()["active"]:
            assert answer.content == b'{"active":false}'
        return answer.json()["active"]

    return ask


async def token_of(town, secret, **form):
    answer = await town.token(secret, **form)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


async def credential_ids(town, client_id="ada"):
    registered = await town.store.get_client("default", client_id)
    return [each.id for each in registered.credentials]


async def test_a_clients_tokens_end_and_new_ones_are_good(town, secret, is_active, clock):
    old = await token_of(town, secret)
    clock.travel(1)

    await revoke_tokens(town.booth, "ada")
    clock.travel(1)

    assert not await is_active(old)
    assert await is_active(await token_of(town, secret))


async def test_a_token_of_the_very_second_ends_too(town, secret, is_active):
    old = await token_of(town, secret)

    await revoke_tokens(town.booth, "ada")

    assert not await is_active(old)


async def test_a_credentials_tokens_end_and_those_of_the_others_live(
    town, secret, is_active, clock
):
    (first,) = await credential_ids(town)
    second = await town.add_secret("ada")
    await town.registry.refresh()
    leaked, other = await token_of(town, secret), await token_of(town, second)
    clock.travel(1)

    await revoke_credential_tokens(town.booth, "ada", first)
    clock.travel(1)

    assert not await is_active(leaked)
    assert await is_active(other)
    assert await is_active(await token_of(town, secret))


async def test_a_credential_is_removed_alone_or_with_its_tokens(town, secret, is_active):
    (first_id,) = await credential_ids(town)
    second = await town.add_secret("ada")
    await town.registry.refresh()
    second_id = next(each for each in await credential_ids(town) if each != first_id)
    first_token, second_token = await token_of(town, secret), await token_of(town, second)

    await remove_credential(town.booth, "ada", first_id)
    await remove_credential(town.booth, "ada", second_id, revoke_tokens=True)

    assert await is_active(first_token)
    assert not await is_active(second_token)


async def test_an_issuers_tokens_end_and_those_of_another_issuer_live(
    town, secret, is_active, clock
):
    await town.add_issuer("sandbox")
    await town.add_api("persons", "https://sandbox.example.com", "persons:read", issuer="sandbox")
    elsewhere = await town.add_client(issuer="sandbox")
    old = await token_of(town, secret)
    foreign = await token_of(town, elsewhere, path="/sandbox/oauth2/token")

    await revoke_issuer_tokens(town.booth, "default")
    clock.travel(1)

    assert not await is_active(old)
    assert await is_active(await token_of(town, secret))
    answer = await town.introspect(elsewhere, foreign, path="/sandbox/oauth2/introspect")
    assert answer.json()["active"]


async def test_a_disabled_clients_tokens_are_dead_for_good(town, secret, is_active, clock):
    old = await token_of(town, secret)

    await set_enabled(town.booth, "ada", enabled=False)
    assert not await is_active(old)
    clock.travel(2)
    await set_enabled(town.booth, "ada", enabled=True)

    assert not await is_active(old)
    await town.registry.refresh()
    assert await is_active(await token_of(town, secret))


async def test_a_deleted_clients_tokens_are_dead_even_when_its_id_comes_back(
    town, secret, is_active, clock
):
    old = await token_of(town, secret)

    await delete_client(town.booth, "ada", force=True)
    assert not await is_active(old)
    clock.travel(2)
    again = await town.add_client()

    assert not await is_active(old)
    assert await is_active(await token_of(town, again))


async def test_what_another_node_issues_before_it_hears_of_it_is_dead_too(
    town, settings, clock, secret, is_active
):
    async with running(settings, clock) as other:
        await token_of(other, secret)  # it knows the client now
        await set_enabled(town.booth, "ada", enabled=False)
        clock.travel(0.5)
        late = await token_of(other, secret)

        clock.travel(2)
        await set_enabled(town.booth, "ada", enabled=True)

        assert not await is_active(late)


@pytest.mark.parametrize("what", ["token", "client", "issuer", "disabled", "deleted"])
async def test_a_second_node_knows_every_kind_of_end_at_once(
    town, settings, secret, is_active, what
):
    async with running(settings, town.clock) as other:
        token = await token_of(town, secret)
        assert await is_active(token, other)

        ends = {
            "token": lambda: town.revoke(secret, token),
            "client": lambda: revoke_tokens(town.booth, "ada"),
            "issuer": lambda: revoke_issuer_tokens(town.booth, "default"),
            "disabled": lambda: set_enabled(town.booth, "ada", enabled=False),
            "deleted": lambda: delete_client(town.booth, "ada", force=True),
        }
        await ends[what]()

        assert not await is_active(token, other)


async def test_a_caller_that_another_node_disabled_learns_nothing_more(
    town, settings, clock, secret, asker
):
    async with running(settings, clock) as other:
        token = await token_of(town, secret)
        assert (await other.introspect(asker, token, client_id="api")).json()["active"]

        await set_enabled(town.booth, "api", enabled=False)

        assert (await other.introspect(asker, token, client_id="api")).status_code == 401


@pytest.mark.parametrize("seconds", [-30, -4000, -80_000])
async def test_a_clock_that_jumps_back_brings_no_token_back(
    town, secret, is_active, clock, seconds
):
    revoked, ended = await token_of(town, secret), await token_of(town, secret)
    await town.revoke(secret, revoked)
    await revoke_tokens(town.booth, "ada")
    clock.travel(5)

    clock.step(seconds)

    assert not await is_active(revoked)
    assert not await is_active(ended)


async def test_a_token_from_before_a_jump_back_is_the_only_kind_that_ends(
    town, secret, is_active, clock
):
    await revoke_tokens(town.booth, "ada")
    clock.step(-30)

    # By the clock it was issued before the revocation: better one token too many than too few.
    assert not await is_active(await token_of(town, secret))
    clock.travel(32)
    assert await is_active(await token_of(town, secret))


@pytest.fixture
async def phone(town):
    await town.add_issuer("phone", dialect="truphone", refresh_tokens=True)
    await town.add_api("connect", "urn:connect", "connect:read", issuer="phone")
    secret = await town.add_client(access={"connect": "connect:read"}, issuer="phone")
    first = (await town.token(secret, path="/phone/oauth2/token")).json()
    return secret, first


@pytest.mark.parametrize("what", ["client", "credential", "issuer"])
async def test_a_refresh_token_ends_with_its_client_credential_or_issuer(town, phone, clock, what):
    secret, first = phone
    clock.travel(1)
    if what == "client":
        await revoke_tokens(town.booth, "ada", issuer="phone")
    elif what == "issuer":
        await revoke_issuer_tokens(town.booth, "phone")
    else:
        credential = payload_of(first["access_token"])["credential_id"]
        await revoke_credential_tokens(town.booth, "ada", credential, issuer="phone")
    clock.travel(1)

    answer = await town.token(
        secret,
        path="/phone/oauth2/token",
        grant_type="refresh_token",
        refresh_token=first["refresh_token"],
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_storage_trouble_is_503_and_never_not_revoked(town, secret, asker, database):
    token = await token_of(town, secret)
    await town.revoke(secret, token)
    await town.store.close()

    for answer in (
        await town.introspect(asker, token, client_id="api"),
        await town.revoke(secret, token),
        await town.http.get("/oauth2/revocations"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "active" not in answer.text
