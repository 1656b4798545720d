"""Requests for access: decided once, and together with the client that they are for."""

import asyncio
from dataclasses import replace

import pytest

from tests.store_contract.samples import NOW, account, client
from tests.store_contract.test_audit import event
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.people_records import AccessRequest
from tokenbooth.server.records import ApiAccess
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale


def request(id="r1", **changes):
    filled = {
        "id": id,
        "issuer": "default",
        "client_id": "ada",
        "account": "acme",
        "api": "persons",
        "scopes": ("read", "write"),
        "reason": "Zählen\nwir.",
        "requested_by": "member:ann@acme.example",
        "requested_at": NOW,
    }
    return AccessRequest(**filled | changes)


@pytest.fixture
async def asked(filled):
    await filled.add_account(account())
    await filled.add_client(client(account="acme"))
    await filled.add_access_request(request(), audit=[event("access_requested")])
    return filled


def decided(status="approved", **changes):
    given = {"decided_by": "member:op", "decided_at": NOW + 1, "decision": "Fine."}
    return request(status=status, **given | changes)


async def test_a_request_comes_back_as_it_was_written(asked):
    assert await asked.get_access_request("r1") == request()
    assert await asked.get_access_request("r2") is None
    with pytest.raises(AlreadyExists):
        await asked.add_access_request(request())


async def test_lists_the_latest_first_by_account_and_status(asked):
    await asked.add_access_request(request("r2", requested_at=NOW + 5, account="beta"))
    await asked.add_access_request(request("r3", requested_at=NOW + 3))
    await asked.decide_access_request(decided())

    async def ids(**which):
        return [each.id for each in await asked.list_access_requests(**which)]

    assert await ids() == ["r2", "r3", "r1"]
    assert await ids(account="acme") == ["r3", "r1"]
    assert await ids(status="pending") == ["r2", "r3"]
    assert await ids(account="acme", status="approved") == ["r1"]
    assert await ids(limit=1) == ["r2"]


async def test_a_decision_changes_the_client_at_once_and_is_announced(asked):
    seen = client(account="acme")
    then = replace(seen, access=(ApiAccess(api="persons", scopes=("read", "write")),))
    revision = await asked.revision()

    await asked.decide_access_request(
        decided(), client=then, seen=seen, audit=[event("access_request_approved")]
    )

    assert (await asked.get_client("default", "ada")).client == then
    assert await asked.get_access_request("r1") == decided()
    (change,) = await asked.changes_since(revision)
    assert (change.kind, change.id) == ("client", "ada")
    found = await asked.list_events(EventFilter(type="access_request_approved"))
    assert len(found) == 1


async def test_a_request_is_decided_once(asked):
    await asked.decide_access_request(decided("refused"))

    with pytest.raises(Stale):
        await asked.decide_access_request(decided())
    with pytest.raises(NotFound):
        await asked.decide_access_request(decided(id="r9"))

    assert (await asked.get_access_request("r1")).status == "refused"


async def test_of_two_who_decide_at_once_one_does(asked, other_store):
    done = await asyncio.gather(
        asked.decide_access_request(decided("refused")),
        other_store.decide_access_request(decided("withdrawn")),
        return_exceptions=True,
    )

    assert [type(each) for each in done if each is not None] == [Stale]


async def test_nothing_is_decided_for_a_client_that_was_changed_meanwhile(asked):
    seen = client(account="acme")
    await asked.replace_client(replace(seen, name="changed"))

    with pytest.raises(Stale):
        await asked.decide_access_request(
            decided(), client=replace(seen, name="mine"), seen=seen, audit=[event()]
        )

    assert (await asked.get_access_request("r1")).status == "pending"
    assert (await asked.get_client("default", "ada")).client.name == "changed"
