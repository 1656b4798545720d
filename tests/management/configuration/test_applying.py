"""Applying is all or nothing, is told in the audit trail, and never overwrites others' changes."""

from pathlib import Path

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client, set_enabled
from tokenbooth.management.configuration import files
from tokenbooth.management.configuration.files import Prepared
from tokenbooth.management.configuration.reading import Source
from tokenbooth.management.errors import BadInput, NotAllowed, Outdated
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import Event, EventFilter
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, CredentialUse

SECRET = "b9f0c7d1e2a34b5c6d7e8f90a1b2c3d4e5f60718"
CLIENT = """
[issuers.default.clients.app]
name = "App"
access = [{ api = "persons", scopes = ["a"] }]
credentials = [{ secret = "env:APP_SECRET", label = "main" }]
"""


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", SECRET)


def source(text: str) -> Source:
    return Source(name="booth.toml", text=text, folder=Path())


async def plan(booth: Booth, text: str, *, prune: bool = False) -> Prepared:
    return await files.prepare(booth, [source(text)], prune=prune)


async def apply(booth: Booth, text: str, *, prune: bool = False) -> Prepared:
    prepared = await plan(booth, text, prune=prune)
    await files.apply(booth, prepared)
    return prepared


async def events(booth: Booth) -> list[Event]:
    return [entry.event for entry in reversed(await booth.store.list_events(EventFilter()))]


async def test_the_audit_trail_tells_the_file_and_each_change(booth: Booth) -> None:
    before = len(await events(booth))

    prepared = await apply(
        booth.acting_as(Actor(kind="command_line", name="ci")), CLIENT + "[accounts.acme]\n"
    )

    told = (await events(booth))[before:]
    assert [event.type for event in told] == [
        "configuration_applied",
        "account_created",
        "client_created",
        "credential_added",
    ]
    assert {event.actor for event in told} == {"command_line:ci"}
    assert told[0].details == {
        "digest": prepared.digest,
        "created": 3,
        "changed": 0,
        "deleted": 0,
    }
    assert told[2].client_id == told[3].client_id == "app"
    assert told[2].details["changes"]["name"] == [None, "App"]
    assert SECRET not in str(told)


async def test_what_changes_nothing_leaves_no_trace(booth: Booth) -> None:
    await apply(booth, CLIENT)
    revision, told = await booth.store.revision(), await events(booth)

    await apply(booth, CLIENT)

    assert (await booth.store.revision(), await events(booth)) == (revision, told)


async def test_a_changed_client_is_told_with_old_and_new(booth: Booth) -> None:
    await apply(booth, CLIENT)

    await apply(booth, CLIENT.replace('"App"', '"Other"\nenabled = false'))

    changed, disabled = (await events(booth))[-2:]
    assert (changed.type, disabled.type) == ("client_changed", "client_disabled")
    assert changed.details["changes"] == {"name": ["App", "Other"], "enabled": [True, False]}


async def test_disabling_and_deleting_end_the_clients_tokens(
    booth: Booth, clock: TravelClock
) -> None:
    await apply(booth, CLIENT)

    await apply(booth, CLIENT.replace('"App"', '"App"\nenabled = false'))

    ended = await booth.store.find_revoked(DEFAULT_ISSUER, ["client:app"])
    assert ended == {"client:app": clock.now() + 1}
    (registered,) = await booth.store.find_clients("app")
    assert registered.client.policy.disabled_by == "operator"
    api = '[issuers.default.apis.orders]\naudience = "https://b.example.com"\nscopes = ["c", "d"]\n'
    persons = '[issuers.default.apis.persons]\naudience = "https://a.example.com"\nscopes = ["a"]\n'
    await apply(booth, api + persons, prune=True)
    credential = f"credential:{registered.credentials[0].id}"
    assert credential in await booth.store.find_revoked(DEFAULT_ISSUER, [credential])


async def test_what_was_planned_for_something_else_changes_nothing(booth: Booth) -> None:
    await apply(booth, CLIENT)
    text = CLIENT.replace('"App"', '"Other"') + "[accounts.acme]\n"
    prepared = await plan(booth, text)
    await set_enabled(booth, "app", enabled=False)

    with pytest.raises(Outdated, match="Nothing was applied"):
        await files.apply(booth, prepared)

    assert await booth.store.list_accounts() == ()
    (registered,) = await booth.store.find_clients("app")
    assert registered.client.name == "App"


async def test_what_somebody_else_made_meanwhile_is_not_overwritten(booth: Booth) -> None:
    prepared = await plan(booth, CLIENT + "[accounts.acme]\n")
    await create_client(booth, client_id="app", apis=["persons"])

    with pytest.raises(Outdated):
        await files.apply(booth, prepared)

    assert await booth.store.list_accounts() == ()


async def test_the_use_of_a_credential_is_no_change_of_it(booth: Booth, clock: TravelClock) -> None:
    await apply(booth, CLIENT)
    prepared = await plan(booth, CLIENT.replace('"main"', '"first"'))
    (registered,) = await booth.store.find_clients("app")
    use = CredentialUse(
        issuer=DEFAULT_ISSUER,
        client_id="app",
        credential_id=registered.credentials[0].id,
        at=clock.now(),
        source="192.0.2.1",
    )
    await booth.store.record_uses([use])

    await files.apply(booth, prepared)

    (registered,) = await booth.store.find_clients("app")
    assert [each.label for each in registered.credentials] == ["first"]


async def test_a_secret_of_the_file_is_checked_as_any_other(booth: Booth) -> None:
    await apply(booth, CLIENT)

    (registered,) = await booth.store.find_clients("app")
    (credential,) = registered.credentials
    assert credential.hint == SECRET[-4:]
    assert SECRET not in credential.data


@pytest.mark.parametrize(
    "actor",
    [
        Actor(kind="member", name="a", rights=frozenset()),
        Actor(kind="member", name="a", account="acme"),
    ],
    ids=["without rights", "of one account"],
)
async def test_only_whoever_may_do_everything_plans_applies_and_exports(
    booth: Booth, actor: Actor
) -> None:
    limited = booth.acting_as(actor)
    with pytest.raises(NotAllowed):
        await plan(limited, CLIENT)
    with pytest.raises(NotAllowed):
        await files.export(limited)
    prepared = await plan(booth, CLIENT)
    with pytest.raises(NotAllowed):
        await files.apply(limited, prepared)


async def test_nobody_gives_a_client_more_rights_than_their_own(booth: Booth) -> None:
    rights = frozenset(
        f"{what}:{how}" for what in ("accounts", "issuers", "apis", "clients") for how in
        ("read", "write")
    ) | {"credentials:write"}  # fmt: skip
    limited = booth.acting_as(Actor(kind="client", name="ci", rights=rights))
    text = (
        "[issuers.default.clients.more]\n"
        'access = [{ api = "management", scopes = ["members:write"] }]\n'
    )

    with pytest.raises(NotAllowed, match="members:write"):
        await apply(limited, text)
    await apply(limited, text.replace("members:write", "clients:read"))


async def test_an_account_and_a_client_never_have_one_name(booth: Booth) -> None:
    await create_client(booth, client_id="acme", apis=["persons"])

    with pytest.raises(BadInput, match="A client has the id 'acme'"):
        await plan(booth, "[accounts.acme]\n")
    with pytest.raises(BadInput, match="An account has the name 'app'"):
        await plan(booth, CLIENT + "[accounts.app]\n")


async def test_an_issuer_keeps_its_tag_and_keys_when_it_is_changed(booth: Booth) -> None:
    await apply(booth, "[issuers.sandbox]\ntoken_lifetime = 60\n")
    before = {each.name: each for each in await booth.store.list_issuers()}["sandbox"]
    keys = await booth.store.list_keys()

    await apply(booth, "[issuers.sandbox]\ntoken_lifetime = 90\n")

    after = {each.name: each for each in await booth.store.list_issuers()}["sandbox"]
    assert (after.tag, after.created_at) == (before.tag, before.created_at)
    assert after.token_lifetime == 90
    assert await booth.store.list_keys() == keys
