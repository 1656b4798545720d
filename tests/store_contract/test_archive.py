"""A whole database as lines, and back, on any engine."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store_contract.samples import NOW, api, client, credential, issuer, revocation
from tests.store_contract.test_audit import assert_is_chain, trail
from tokenbooth.server.audit_records import Event, EventFilter
from tokenbooth.server.records import StoredKey
from tokenbooth.server.stores.archive import ArchiveRefused
from tokenbooth.server.stores.contract import StoreError
from tokenbooth.server.stores.sql import open_store

KEY = StoredKey(
    kid="k1", issuer="default", purpose="sign", alg="ES256", sealed=b"\0\xff", created_at=NOW,
    activates_at=NOW,
)  # fmt: skip


@pytest.fixture
async def lines(store):
    await store.add_issuer(issuer(), [KEY])
    await store.add_api(api())
    event = Event(type="client_created", at=NOW, actor="service", details={"näme": [1.5, None]})
    await store.add_client(client(), [credential()], audit=[event])
    await store.revoke([revocation("jti:1")])
    return await dumped(store)


async def dumped(store):
    lines = []
    await store.dump(lines.append, report=lambda _: None)
    return lines


async def load(url, lines):
    store = await open_store(url)
    try:
        return await store.load(lambda: iter(lines), report=lambda _: None)
    finally:
        await store.close()


async def test_everything_comes_back(lines, store, databases):
    url = databases.empty()
    await load(url, lines)

    again = await open_store(url)
    assert await again.list_issuers() == await store.list_issuers()
    assert await again.list_keys() == (KEY,)
    assert await again.get_client("default", "ada") == await store.get_client("default", "ada")
    assert await again.find_revoked("default", ["jti:1"]) == {"jti:1": None}
    assert await again.list_events(EventFilter()) == await store.list_events(EventFilter())
    assert await again.audit_head() == await store.audit_head()
    assert await again.revision() == await store.revision()
    # It goes on where it was left.
    await again.add_api(api("animals"), audit=[Event(type="api_created", at=NOW, actor="x")])
    assert (await again.audit_head()).seq == (await store.audit_head()).seq + 1
    await again.close()


async def test_a_second_backup_of_what_came_back_is_the_same(lines, databases):
    url = databases.empty()
    await load(url, lines)

    again = await open_store(url)
    # All but the moment at which it was made, and so the digest.
    assert (await dumped(again))[1:-1] == lines[1:-1]
    await again.close()


async def test_overwrites_nothing(lines, store):
    with pytest.raises(ArchiveRefused, match="not empty"):
        await store.load(lambda: iter(lines), report=lambda _: None)

    assert [each.name for each in await store.list_apis()] == ["persons"]


async def test_a_backup_shows_one_moment_while_another_node_writes(store, other_store, databases):
    await store.add_issuer(issuer())
    await store.add_api(api())
    written, done = [], asyncio.Event()

    async def write():
        while not done.is_set():
            name = f"c{len(written)}"
            event = Event(type="client_created", at=NOW, actor="service", client_id=name)
            await other_store.add_client(client(name), [credential(name, name)], audit=[event])
            await other_store.replace_client(client(name), revoking=[revocation(name)])
            written.append(name)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    backups = []
    for _ in range(3):
        backups.append((len(written), await dumped(store), len(written)))
        await asyncio.sleep(0.1)
    done.set()
    await writing

    for before, lines, after in backups:
        url = databases.empty()
        await load(url, lines)
        again = await open_store(url)
        clients = await again.list_clients(limit=1000)
        revoked = await again.find_revoked("default", written)
        assert before <= len(revoked) <= len(clients) <= after + 1
        assert all(len(each.credentials) == 1 for each in clients)
        # Two changes a client, of which the last one may have had its first.
        assert await again.revision() == 2 + len(clients) + len(revoked)
        entries = await trail(again)
        assert len(entries) == len(clients)
        if entries:
            assert assert_is_chain(entries) == await again.audit_head()
        await again.close()


SPOILED = {
    "no end": lambda lines: lines[:-1],
    "half": lambda lines: lines[: len(lines) // 2],
    "nothing": lambda lines: [],
    "no head": lambda lines: lines[1:],
    "more after the end": lambda lines: [*lines, lines[1]],
    "a row less": lambda lines: [*lines[:-2], lines[-1]],
    "another name": lambda lines: [line.replace(b"ada", b"eve") for line in lines],
    "a short row": lambda lines: [*lines[:3], b"[1]\n", *lines[3:]],
    "no JSON": lambda lines: [*lines[:3], b"nonsense\n", *lines[3:]],
    "no text": lambda lines: [*lines[:3], b'["\xff"]\n', *lines[3:]],
    "deep": lambda lines: [*lines[:3], b"[" * 9000 + b"]" * 9000 + b"\n", *lines[3:]],
    "no base64": lambda lines: [line.replace(b'"AP8="', b"7") for line in lines],
    "an unknown table": lambda lines: [
        *lines[:3], b'{"table":"other","columns":[]}\n', *lines[3:],
    ],
    "an older schema": lambda lines: [
        json.dumps({"tokenbooth_backup": 1, "schema": "0001"}).encode(), *lines[1:],
    ],
}  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
async def test_what_is_not_whole_is_refused_and_leaves_nothing(lines, databases, spoil):
    url = databases.empty()

    with pytest.raises(ArchiveRefused):
        await load(url, spoil(lines))

    again = await open_store(url)
    assert await again.list_issuers() == ()
    assert await again.revision() == 0
    await again.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.lists(st.binary(max_size=60), min_size=1, max_size=4), place=st.integers(0, 30))
async def test_no_stream_is_a_fault(lines, url, changed, place):
    spoiled = [*lines[:place], *changed, *lines[place:]]

    with pytest.raises(StoreError):
        await load(url, spoiled)
