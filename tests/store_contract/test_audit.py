"""What happened: the chain of events, refusals and counts, written with what they are about."""

import pytest

from tests.store_contract.samples import NOW, account, api, client, credential, issuer, use
from tests.store_contract.test_processes import run_together
from tokenbooth.server.audit import GENESIS, entry_hash
from tokenbooth.server.audit_records import AuditHead, Event, EventFilter, RefusedRequest, Usage
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale
from tokenbooth.server.stores.sql import open_store

HOUR = 3600
BEGIN = int(NOW) // HOUR * HOUR


def event(type_="client_changed", **changes):
    return Event(**{"type": type_, "at": NOW, "actor": "command_line:root"} | changes)


def refused(number, **changes):
    filled = {
        "request_id": f"r{number}",
        "at": NOW + number,
        "endpoint": "token",
        "status": 401,
        "error": "invalid_client",
        "reason": "wrong_secret",
        "issuer": "default",
        "client_id": "ada",
    }
    return RefusedRequest(**filled | changes)


def used(count, *, hour=BEGIN, issuer="default", client_id="ada", outcome="issued"):
    return Usage(hour=hour, issuer=issuer, client_id=client_id, outcome=outcome, count=count)


def assert_is_chain(entries):
    head = GENESIS
    for entry in entries:
        assert entry.seq == head.seq + 1
        assert entry.hash == entry_hash(head.hash, entry.seq, entry.event)
        head = AuditHead(seq=entry.seq, hash=entry.hash)
    return head


async def trail(store):
    return await store.audit_trail(0, limit=10_000)


async def test_an_empty_trail_has_the_head_of_nothing(store):
    assert await store.audit_head() == GENESIS
    assert await trail(store) == ()


async def test_events_come_back_as_they_were_in_one_chain(store):
    first = event(
        account="acme",
        issuer="default",
        client_id="ada",
        subject="cred1",
        source="192.0.2.1",
        request_id="r1",
        reason="because",
        count=3,
        details={"changes": {"name": ["a", "ü"]}, "at": 1.25, "none": None, "list": [1, True]},
    )
    await store.add_events([first, event("issuer_changed")])
    await store.add_events([event("key_rotated")])

    entries = await trail(store)

    assert [entry.event for entry in entries[:1]] == [first]
    assert [entry.event.type for entry in entries[1:]] == ["issuer_changed", "key_rotated"]
    assert assert_is_chain(entries) == await store.audit_head()


async def test_a_change_and_its_event_are_written_together(filled):
    await filled.add_client(client(), [credential()], audit=[event("client_created")])

    assert [each.event.type for each in await trail(filled)] == ["client_created"]


async def test_a_change_that_is_refused_leaves_no_event(filled):
    await filled.add_client(client())
    audit = [event()]

    with pytest.raises(AlreadyExists):
        await filled.add_client(client(), audit=audit)
    with pytest.raises(NotFound):
        await filled.delete_api("default", "none", audit=audit)
    with pytest.raises(Stale):
        await filled.replace_client(client(name="b"), seen=client(name="a"), audit=audit)
    with pytest.raises(NotFound):
        await filled.delete_key("default", "none", audit=audit)

    assert await trail(filled) == ()


async def test_an_event_that_cannot_be_written_stops_its_change(filled):
    broken = event(details={"no": object()})

    with pytest.raises(TypeError):
        await filled.add_client(client(), audit=[broken])

    assert await filled.get_client("default", "ada") is None
    assert await trail(filled) == ()


async def test_changes_made_together_leave_all_events_or_none(filled):
    change = filled.together()
    await change.add_client(client("one"), audit=[event("client_created", client_id="one")])
    await change.add_client(client("one"), audit=[event("client_created", client_id="again")])
    with pytest.raises(AlreadyExists):
        await change.commit()
    assert await trail(filled) == ()

    change = filled.together()
    await change.add_client(client("one"), audit=[event(client_id="one")])
    await change.add_client(client("two"), audit=[event(client_id="two")])
    await change.commit()

    assert [each.event.client_id for each in await trail(filled)] == ["one", "two"]


async def test_two_nodes_write_one_chain(store, other_store):
    for number in range(10):
        node = store if number % 2 else other_store
        await node.add_events([event(subject=str(number))])

    entries = await trail(store)

    assert [each.event.subject for each in entries] == [str(number) for number in range(10)]
    assert assert_is_chain(entries) == await other_store.audit_head()


async def test_processes_that_write_at_once_write_one_chain(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.close()

    run_together(3, "audit", url, count=20)

    store = await open_store(url)
    entries = await trail(store)
    head = await store.audit_head()
    await store.close()
    assert len(entries) == 60
    assert len({each.event.client_id for each in entries}) == 60
    assert assert_is_chain(entries) == head


async def test_finds_events_by_every_filter(store):
    await store.add_events(
        [
            event("client_created", account="acme", client_id="ada", subject="first"),
            event("credential_added", at=NOW + 10, issuer="sandbox", request_id="r7"),
            event("credential_removed", at=NOW + 20, actor="member:ann", reason="50% off_"),
        ]
    )

    async def found(**asked):
        return [each.seq for each in await store.list_events(EventFilter(**asked))]

    assert await found() == [3, 2, 1]
    assert await found(account="acme") == [1]
    assert await found(client_id="ada") == [1]
    assert await found(issuer="sandbox") == [2]
    assert await found(type="client_created") == [1]
    assert await found(type="credential_") == [3, 2]
    assert await found(type="credential") == []
    assert await found(actor="member:ann") == [3]
    assert await found(request_id="r7") == [2]
    assert await found(since=NOW + 10) == [3, 2]
    assert await found(until=NOW + 10) == [1]
    assert await found(text="FIRST") == [1]
    assert await found(text="% off_") == [3]
    assert await found(text="%") == [3]
    assert await found(type="credential_", since=NOW + 20) == [3]


async def test_goes_on_below_the_last_entry_of_a_page(store):
    await store.add_events([event() for _ in range(5)])

    first = await store.list_events(EventFilter(), limit=2)
    second = await store.list_events(EventFilter(), before=first[-1].seq, limit=2)

    assert [each.seq for each in (*first, *second)] == [5, 4, 3, 2]


async def test_counts_add_up(store):
    await store.record_activity(usage=[used(2), used(1, outcome="wrong_secret")])
    await store.record_activity(usage=[used(3), used(1, hour=BEGIN + HOUR)])

    assert await store.list_usage(since=BEGIN) == (
        used(5),
        used(1, outcome="wrong_secret"),
        used(1, hour=BEGIN + HOUR),
    )
    assert await store.list_usage(since=BEGIN + 1) == (used(1, hour=BEGIN + HOUR),)


async def test_activity_is_written_at_once_or_not_at_all(store):
    with pytest.raises(TypeError):
        await store.record_activity(
            usage=[used(1)], refused=[refused(1)], events=[event(details={"no": object()})]
        )

    assert await store.list_usage(since=0) == ()
    assert await store.find_refused("r1") is None


async def test_keeps_a_refusal_once(store):
    await store.record_activity(refused=[refused(1, credential_id="cred1", agent="curl")])
    await store.record_activity(refused=[refused(1, reason="other")])

    assert await store.find_refused("r1") == refused(1, credential_id="cred1", agent="curl")
    assert await store.find_refused("r2") is None


async def test_an_accounts_activity_is_that_of_its_clients(filled):
    await filled.add_account(account())
    await filled.add_client(client("ada", account="acme"))
    await filled.add_client(client("bob"))
    others = [refused(2, client_id="bob"), refused(3, client_id="nobody")]
    await filled.record_activity(
        usage=[used(1), used(2, client_id="bob"), used(4, client_id="", outcome="unknown_client")],
        refused=[refused(1), *others],
    )

    assert await filled.list_refused(account="acme") == (refused(1),)
    assert await filled.list_refused(client_id="bob") == (refused(2, client_id="bob"),)
    assert await filled.list_refused(issuer="sandbox") == ()
    assert await filled.list_usage(since=0, account="acme") == (used(1),)
    assert await filled.list_usage(since=0, client_id="bob") == (used(2, client_id="bob"),)
    assert await filled.sum_usage(since=0, step=HOUR, account="acme") == (
        used(1, issuer="", client_id=""),
    )
    assert await filled.busiest_clients(since=BEGIN, limit=9, account="acme") == (used(1),)


async def test_goes_on_behind_the_last_refusal_of_a_page(store):
    same = [refused(number, at=NOW) for number in range(3)]
    await store.record_activity(refused=[*same, refused(9)])

    first = await store.list_refused(limit=2)
    last = first[-1]
    second = await store.list_refused(before=(last.at, last.request_id), limit=9)

    assert [each.request_id for each in (*first, *second)] == ["r9", "r0", "r1", "r2"]


async def test_sums_up_by_spans_of_time(store):
    day = BEGIN // 86_400 * 86_400
    await store.record_activity(
        usage=[
            used(1, hour=day),
            used(2, hour=day + HOUR, client_id="bob"),
            used(4, hour=day + 86_400),
            used(8, hour=day, outcome="wrong_secret"),
        ]
    )

    summed = await store.sum_usage(since=day, step=86_400)

    assert [(each.hour, each.outcome, each.count) for each in summed] == [
        (day, "issued", 3),
        (day, "wrong_secret", 8),
        (day + 86_400, "issued", 4),
    ]


async def test_names_the_clients_that_count_most(store):
    await store.record_activity(
        usage=[
            used(5, client_id="a"),
            used(3, client_id="b"),
            used(3, client_id="b", outcome="wrong_secret"),
            used(1, client_id="c"),
            used(2, hour=BEGIN - HOUR, client_id="c"),
        ]
    )

    found = await store.busiest_clients(since=BEGIN, limit=2)

    assert found == (
        used(5, client_id="a"),
        used(3, client_id="b"),
        used(3, client_id="b", outcome="wrong_secret"),
    )


async def test_forgets_what_is_old_and_the_oldest_of_too_many_refusals(store):
    await store.add_events([event(at=0.0)])
    await store.record_activity(
        usage=[used(1, hour=0), used(1)], refused=[refused(number) for number in range(6)]
    )

    await store.forget_activity(refused_before=NOW + 1, usage_before=BEGIN, most_refused=100)
    assert len(await store.list_refused()) == 5
    await store.forget_activity(refused_before=0, usage_before=0, most_refused=2)

    assert [each.request_id for each in await store.list_refused()] == ["r5", "r4"]
    assert await store.list_usage(since=0) == (used(1),)
    assert len(await trail(store)) == 1


async def test_hosts_are_counted_for_each_credential(filled):
    await filled.add_client(client(), [credential(), credential("cred2")])
    await filled.record_uses([use(agent="curl", count=2), use("cred2", source="::1")])
    await filled.record_uses([use(at=NOW + 9, agent="python", count=3)])

    hosts = await filled.list_hosts("default", "ada")

    assert [(each.credential_id, each.source, each.agent, each.count) for each in hosts] == [
        ("cred1", "127.0.0.1", "python", 5),
        ("cred2", "::1", "", 1),
    ]
    assert (hosts[0].first_at, hosts[0].last_at) == (NOW, NOW + 9)
