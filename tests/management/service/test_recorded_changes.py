"""What is done to APIs, issuers, keys and registrations is recorded, and by whom is allowed."""

from pathlib import Path

import pytest

from tokenbooth.management.clients import registrations
from tokenbooth.management.errors import Failed, Missing, NotAllowed
from tokenbooth.management.rights import ROLES
from tokenbooth.management.service import apis, issuers, keys, master_key
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.key_keeping import KeyKeeper
from tokenbooth.server.rotation import DAY

ANN = Actor(kind="member", name="ann@example.com", source="192.0.2.1", request_id="r1")


@pytest.fixture
def ann(booth):
    return booth.acting_as(ANN)


async def recorded(booth):
    """What Ann did, the oldest first."""
    found = await booth.store.list_events(EventFilter(actor=str(ANN)))
    return [entry.event for entry in reversed(found)]


async def test_apis(ann):
    await apis.create_api(ann, name="cats", audience="https://cats.example", scopes="see feed")
    await apis.add_scopes(ann, "cats", scopes="see pet")
    await apis.add_scopes(ann, "cats", scopes="pet")  # changes nothing
    await apis.change_policy(ann, "cats", claims={"tier": "gold"})
    await apis.delete_api(ann, "cats")

    made, scopes, policy, deleted = await recorded(ann)
    assert [e.type for e in (made, scopes, policy, deleted)] == [
        *("api_created", "api_changed", "api_changed", "api_deleted"),
    ]
    assert {(e.issuer, e.subject, e.source, e.request_id) for e in await recorded(ann)} == {
        ("default", "cats", "192.0.2.1", "r1")
    }
    assert made.details["scopes"] == ["see", "feed"]
    assert len(scopes.details["changes"]["scopes"][1]) == 3
    assert policy.details == {"changes": {"claims": [{}, {"tier": "gold"}]}}


async def test_what_fails_is_not_recorded(ann):
    with pytest.raises(Missing):
        await apis.delete_api(ann, "none")
    with pytest.raises(Missing):
        await issuers.revoke_issuer_tokens(ann, "none")

    assert await recorded(ann) == []


async def test_issuers(ann):
    await issuers.create_issuer(ann, name="sandbox")
    await issuers.set_profile(ann, "sandbox", "fapi2")
    await issuers.revoke_issuer_tokens(ann, "sandbox")

    assert [(e.type, e.issuer) for e in await recorded(ann)] == [
        ("issuer_created", "sandbox"),
        ("issuer_changed", "sandbox"),
        ("issuer_tokens_revoked", "sandbox"),
    ]
    assert (await recorded(ann))[1].details == {"changes": {"profile": ["oauth21", "fapi2"]}}


async def test_keys(ann, clock):
    made = await keys.rotate_key(ann, issuer="default", alg="EdDSA", lead=60)
    sooner = await keys.rotate_key(ann, issuer="default", lead=10)
    await keys.schedule_keys(ann, issuer="default", lifetime_days=30)
    clock.travel(30)
    removed = await keys.remove_key(ann, made.kid, force=True)

    events = await recorded(ann)
    assert [e.type for e in events[:4]] == [
        *("issuer_changed", "key_rotated", "key_rotated", "issuer_changed"),
    ]
    assert events[0].details == {"changes": {"alg": ["ES256", "EdDSA"]}}
    assert made.kid == sooner.kid == removed.kid == events[1].subject == events[2].subject
    assert events[1].details["activates_at"] - events[2].details["activates_at"] == 50
    gone = next(e for e in events if e.type == "key_removed")
    assert (gone.subject, gone.reason) == (made.kid, "forced")
    assert any(e.type == "key_rotated" and e.subject != made.kid for e in events[4:])


async def test_a_key_that_cannot_be_made_leaves_the_change_and_its_undoing(ann, tmp_path):
    nowhere = f"pkcs11:token=none?module-path={tmp_path}/none.so&pin-source=env:NO_PIN"
    with pytest.raises(Failed):
        await keys.rotate_key(ann, issuer="default", alg="EdDSA", signer=nowhere)

    done, undone = await recorded(ann)
    assert done.details == {"changes": {"alg": ["ES256", "EdDSA"]}}
    assert undone.details == {"changes": {"alg": ["EdDSA", "ES256"]}}
    assert undone.reason == "the key could not be made"


async def test_what_the_schedule_does_is_the_services(booth, clock):
    keeper = KeyKeeper(store=booth.store, vault=booth.vault, clock=clock)
    clock.travel(89 * DAY)
    await keeper.keep()
    clock.travel(5 * DAY)
    await keeper.keep()

    found = await booth.store.list_events(EventFilter(type="key_"))
    done = {(entry.event.actor, entry.event.type, entry.event.reason) for entry in found}
    assert done == {("service", "key_rotated", ""), ("service", "key_removed", "expired")}


async def test_the_master_key(ann, tmp_path: Path):
    done = await master_key.reseal(ann, tmp_path / "new.key")

    (event,) = await recorded(ann)
    assert (event.type, event.details) == ("master_key_changed", {"keys": done.keys})


async def test_initial_access_tokens(ann):
    made = await registrations.create_token(ann, apis=["persons"], uses=3)
    await registrations.revoke_token(ann, made.token_id)

    created, ended = await recorded(ann)
    assert (created.type, ended.type) == (
        *("registration_token_created", "registration_token_revoked"),
    )
    assert created.subject == ended.subject == made.token_id
    assert created.details["uses"] == 3
    assert made.initial_access_token.reveal() not in repr(created)


CHANGES = {
    "create API": lambda booth: apis.create_api(
        booth, name="x", audience="https://x.example", scopes="x"
    ),
    "add scopes": lambda booth: apis.add_scopes(booth, "persons", scopes="x"),
    "change API": lambda booth: apis.change_policy(booth, "persons", claims={}),
    "delete API": lambda booth: apis.delete_api(booth, "persons"),
    "create issuer": lambda booth: issuers.create_issuer(booth, name="x"),
    "set profile": lambda booth: issuers.set_profile(booth, "default", "fapi2"),
    "end tokens": lambda booth: issuers.revoke_issuer_tokens(booth, "default"),
    "list keys": keys.list_keys,
    "rotate key": lambda booth: keys.rotate_key(booth, issuer="default"),
    "remove key": lambda booth: keys.remove_key(booth, "x"),
    "schedule": lambda booth: keys.schedule_keys(booth, issuer="default"),
    "reseal": lambda booth: master_key.reseal(booth, Path("x.key")),
    "create token": lambda booth: registrations.create_token(booth, apis=["persons"]),
    "end token": lambda booth: registrations.revoke_token(booth, "0" * 18),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    "actor",
    [
        Actor(kind="member", name="owner", rights=ROLES["owner"], account="acme"),
        Actor(kind="member", name="all", account="acme"),
        Actor(kind="client", name="app", rights=frozenset()),
    ],
    ids=str,
)
async def test_the_whole_service_is_not_for_an_account_to_change(booth, actor, change):
    before = await booth.store.audit_head()

    with pytest.raises(NotAllowed):
        await change(booth.acting_as(actor))

    assert await booth.store.audit_head() == before


async def test_everybody_may_see_apis_and_issuers(booth):
    own = booth.acting_as(Actor(kind="member", rights=ROLES["member"], account="acme"))

    assert len(await apis.list_apis(own)) == 2
    assert (await apis.show_api(own, "persons")).name == "persons"
    assert (await issuers.show_issuer(own, "default")).name == "default"
    for look in (apis.list_apis, issuers.list_issuers):
        with pytest.raises(NotAllowed):
            await look(booth.acting_as(Actor(kind="client", rights=frozenset({"keys:read"}))))
