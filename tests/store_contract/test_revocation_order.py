"""Revocations up to a moment, revocations with a change, and the order in which nodes read them."""

import asyncio

import pytest

from tests.store_contract.samples import NOW, client, credential, revocation
from tokenbooth.server.stores.contract import NotFound


async def everything(store, issuer="default", *, cursor=0, limit=100, now=NOW):
    return await store.revocations_since(issuer, cursor, now=now, limit=limit)


def keys(page):
    return [each.key for each in page.revocations]


async def test_finds_up_to_when_tokens_are_revoked(store):
    await store.revoke([revocation("client:ada", before=NOW), revocation("jti:1")])

    found = await store.find_revoked("default", ["client:ada", "jti:1", "issuer:"])

    assert found == {"client:ada": NOW, "jti:1": None}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(NOW, NOW + 5, NOW + 5), (NOW + 5, NOW, NOW + 5), (None, NOW, None), (NOW, None, None)],
)
async def test_an_entry_that_is_there_keeps_the_later_moment(store, first, second, kept):
    await store.revoke([revocation("client:ada", before=first)])
    await store.revoke([revocation("client:ada", before=second)])

    assert await store.find_revoked("default", ["client:ada"]) == {"client:ada": kept}


async def test_the_later_moment_does_not_shorten_the_expiry(store):
    await store.revoke([revocation("client:ada", before=NOW, expires_at=NOW + 9)])
    await store.revoke([revocation("client:ada", before=NOW + 1, expires_at=NOW)])

    (entry,) = (await everything(store)).revocations
    assert (entry.before, entry.expires_at) == (NOW + 1, NOW + 9)


async def test_reads_on_from_a_cursor(store):
    await store.revoke([revocation("b"), revocation("c", issuer="sandbox")])
    first = await everything(store)
    await store.revoke([revocation("a")])
    second = await everything(store, cursor=first.cursor)
    third = await everything(store, cursor=second.cursor)

    assert (keys(first), keys(second), keys(third)) == (["b"], ["a"], [])
    assert third.cursor == second.cursor
    assert keys(await everything(store)) == ["b", "a"]


async def test_reads_page_by_page(store):
    await store.revoke([revocation(f"jti:{number}") for number in range(5)])

    pages = [await everything(store, limit=2)]
    while not pages[-1].is_last:
        pages.append(await everything(store, limit=2, cursor=pages[-1].cursor))

    assert [keys(page) for page in pages] == [["jti:0", "jti:1"], ["jti:2", "jti:3"], ["jti:4"]]


async def test_an_entry_that_is_extended_comes_again(store):
    await store.revoke([revocation("a", before=NOW)])
    cursor = (await everything(store)).cursor
    await store.revoke([revocation("a", before=NOW)])
    unchanged = await everything(store, cursor=cursor)
    await store.revoke([revocation("a", before=NOW + 1)])
    extended = await everything(store, cursor=unchanged.cursor)

    assert keys(unchanged) == []
    assert [each.before for each in extended.revocations] == [NOW + 1]


async def test_leaves_out_what_expired(store):
    await store.revoke([revocation("old", expires_at=NOW), revocation("new", expires_at=NOW + 9)])

    assert keys(await everything(store, now=NOW + 1)) == ["new"]


async def test_knows_no_cursor_of_a_later_state(store):
    await store.revoke([revocation("a")])

    assert await everything(store, cursor=1_000) is None


async def test_nothing_appears_behind_a_cursor_that_was_handed_out(store, other_store):
    read, cursor = [], 0

    async def revoke(node, name):
        for number in range(25):
            await node.revoke([revocation(f"{name}{number}")])

    writers = [
        asyncio.create_task(revoke(node, name))
        for name, node in (("a", store), ("b", other_store), ("c", store))
    ]
    while not all(writer.done() for writer in writers):
        page = await everything(other_store, cursor=cursor, limit=3)
        read += keys(page)
        cursor = page.cursor
        await asyncio.sleep(0)
    read += keys(await everything(store, cursor=cursor))

    assert sorted(read) == sorted(f"{name}{number}" for name in "abc" for number in range(25))


async def test_a_change_and_its_revocations_are_one_step(filled):
    await filled.add_client(client(), [credential()])

    await filled.replace_client(client(enabled=False), revoking=[revocation("client:ada")])
    await filled.delete_credential(
        "default", "ada", "cred1", revoking=[revocation("credential:cred1")]
    )
    await filled.delete_client("default", "ada", revoking=[revocation("jti:1")])

    assert keys(await everything(filled)) == ["client:ada", "credential:cred1", "jti:1"]


async def test_a_change_that_fails_revokes_nothing(filled):
    with pytest.raises(NotFound):
        await filled.delete_client("default", "nobody", revoking=[revocation("client:nobody")])

    assert await filled.find_revoked("default", ["client:nobody"]) == {}
