"""Two nodes on one database: what one does, the other knows where it must be exact."""

from dataclasses import replace

import pytest

from tests.server.booths import PERSONS, header_of, running
from tokenbooth.server.keyring import new_sealing_key, new_signing_key


@pytest.fixture
async def two(settings, clock):
    """Two nodes that take over nothing from each other unless a request makes them."""
    async with running(settings, clock) as one, running(settings, clock) as other:
        yield one, other


async def give_access(node, **changes):
    await node.add_api("persons", PERSONS, "persons:read")
    return await node.add_client(**changes)


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_a_token_of_a_key_that_is_new_here_is_good_and_can_be_revoked(
    two, clock, token_format
):
    one, other = two
    secret = await give_access(one, token_format=token_format)
    await other.registry.refresh()
    clock.travel(1)  # the newest key is the one in use
    vault, now = one.booth.vault, clock.now()
    newest = new_signing_key("default", "EdDSA", vault, now=now, activates_at=now)
    await one.store.add_key(newest)
    await one.store.add_key(new_sealing_key("default", vault, now=now))
    await one.registry.refresh()
    token = (await one.token(secret)).json()["access_token"]
    if token_format == "jwt":
        assert header_of(token)["kid"] == newest.kid

    assert (await other.revoke(secret, token)).status_code == 200
    assert (await one.introspect(secret, token)).json() == {"active": False}


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_introspection_knows_a_token_of_a_key_that_is_new_here(two, clock, token_format):
    one, other = two
    secret = await give_access(one, token_format=token_format)
    await other.registry.refresh()
    clock.travel(1)  # the newest key is the one in use
    vault, now = one.booth.vault, clock.now()
    await one.store.add_key(new_signing_key("default", "EdDSA", vault, now=now, activates_at=now))
    await one.store.add_key(new_sealing_key("default", vault, now=now))
    await one.registry.refresh()
    token = (await one.token(secret)).json()["access_token"]

    assert (await other.introspect(secret, token)).json()["active"] is True


async def test_a_refresh_token_is_used_once_on_all_nodes(two, settings, clock):
    one, other = two
    await one.add_issuer("phone", refresh_tokens=True)
    await one.add_api("persons", PERSONS, "persons:read", issuer="phone")
    secret = await one.add_client(issuer="phone")
    await other.registry.refresh()
    path = "/phone/oauth2/token"
    refresh_token = (await one.token(secret, path=path)).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}

    assert (await one.token(secret, path=path, **form)).status_code == 200
    clock.travel(settings.refresh_grace_seconds + 1)
    assert (await other.token(secret, path=path, **form)).json()["error"] == "invalid_grant"


async def test_an_issuer_that_became_unusable_gives_no_verdict_on_its_tokens(two):
    one, other = two
    secret = await give_access(one)
    await other.registry.refresh()
    token = (await one.token(secret)).json()["access_token"]
    (issuer,) = await one.store.list_issuers()
    await one.store.replace_issuer(replace(issuer, dialect="vanished"))

    for ask in (other.introspect, other.revoke):
        answer = await ask(secret, token)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


async def test_a_client_that_was_deleted_elsewhere_asks_nothing_here(two):
    one, other = two
    secret = await give_access(one)
    await other.registry.refresh()
    token = (await other.token(secret)).json()["access_token"]

    await one.store.delete_client("default", "ada")

    assert (await other.introspect(secret, token)).status_code == 401
