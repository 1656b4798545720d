import pytest

from tests.store_contract.samples import account, api, client, credential, issuer, key
from tokenbooth.server.records import Change
from tokenbooth.server.stores.contract import NotFound
from tokenbooth.server.stores.queries import changes


async def test_a_new_store_stands_at_zero(store):
    assert await store.revision() == 0
    assert await store.changes_since(0) == ()


async def test_announces_every_change_in_order(store):
    await store.add_issuer(issuer(), [key()])
    await store.replace_issuer(issuer(dialect="truphone"))
    await store.add_api(api())
    await store.replace_api(api())
    await store.add_client(client())
    await store.replace_client(client())
    await store.add_credential(credential())
    await store.replace_credential(credential())
    await store.delete_credential("default", "ada", "cred1")
    await store.delete_client("default", "ada")
    await store.delete_api("default", "persons")
    await store.add_key(key("key2"))
    await store.replace_keys([key(), key("key2")])
    await store.delete_key("default", "key2")

    told = [
        ("issuer", "default"),
        ("key", "key1"),
        ("issuer", "default"),
        *[("api", "persons")] * 2,
        *[("client", "ada")] * 6,
        ("api", "persons"),
        ("key", "key2"),
        ("key", "key1"),
        ("key", "key2"),
        ("key", "key2"),
    ]
    assert await store.changes_since(0) == tuple(
        Change(revision=number, kind=kind, issuer="default", id=id)
        for number, (kind, id) in enumerate(told, 1)
    )
    assert await store.revision() == len(told)


async def test_returns_only_later_changes(filled):
    assert [change.revision for change in await filled.changes_since(2)] == [3, 4]
    assert await filled.changes_since(4) == ()


async def test_what_fails_announces_nothing(filled):
    with pytest.raises(NotFound):
        await filled.replace_client(client())

    assert await filled.revision() == 4


async def test_announces_nothing_for_accounts(store):
    await store.add_account(account())

    assert await store.revision() == 0


async def test_another_node_sees_every_change_at_once(filled, other_store):
    for number in range(20):
        before = await other_store.revision()

        await filled.add_client(client(f"c{number}"))

        assert await other_store.revision() == before + 1
        (change,) = await other_store.changes_since(before)
        assert change.id == f"c{number}"
        assert await other_store.get_client("default", f"c{number}") is not None


async def test_does_not_know_a_revision_that_never_was(filled):
    assert await filled.changes_since(5) is None
    assert await filled.changes_since(-1) is None


async def test_forgets_changes_after_an_hour(filled, clock):
    clock.travel(3601)
    await filled.add_client(client())

    assert await filled.changes_since(3) is None
    assert [change.id for change in await filled.changes_since(4)] == ["ada"]


async def test_forgets_changes_beyond_the_last_ten_thousand(store, monkeypatch):
    assert changes.REMEMBERED_CHANGES == 10_000
    monkeypatch.setattr(changes, "REMEMBERED_CHANGES", 100)
    await store.add_key(key())
    many = [key()] * 50
    await store.replace_keys(many)
    await store.replace_keys(many)

    assert await store.changes_since(0) is None
    assert len(await store.changes_since(1)) == 100
