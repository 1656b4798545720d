"""Counts of what clients asked for, as pictures and tables need them."""

import pytest

from tokenbooth.management.activity.usage import DAY, show_usage
from tokenbooth.management.clients.clients import create_client, delete_client
from tokenbooth.management.errors import BadInput, Missing, NotAllowed
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rights import ROLES
from tokenbooth.server.activity import HOUR
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import Usage


@pytest.fixture
async def counted(booth, clock):
    """Two clients, one of an account, with what came of their requests today and yesterday."""
    await create_account(booth, name="acme")
    await create_client(booth, client_id="ada", apis=["persons"], account="acme")
    await create_client(booth, client_id="bob", apis=["persons"])
    now = int(clock.now()) // HOUR * HOUR

    def used(hours_ago, client_id, outcome, count):
        hour = now - hours_ago * HOUR
        return Usage(hour=hour, issuer="default", client_id=client_id, outcome=outcome, count=count)

    await booth.store.record_activity(
        usage=[
            used(0, "ada", "issued", 5),
            used(1, "ada", "wrong_secret", 2),
            used(0, "bob", "issued", 9),
            used(30, "bob", "issued", 100),
            used(0, "", "unknown_client", 3),
        ]
    )
    return booth


async def test_adds_up_by_hour_reason_and_client(counted, clock):
    found = await show_usage(counted, last=24 * HOUR)

    assert (found.step, len(found.spans), found.issued, found.refused) == ("hour", 24, 14, 5)
    assert [(each.issued, each.refused) for each in found.spans[-2:]] == [(0, 2), (14, 3)]
    assert found.spans[-1].begins_at.timestamp() == int(clock.now()) // HOUR * HOUR
    assert [(each.reason, each.count) for each in found.refusals] == [
        ("unknown_client", 3),
        ("wrong_secret", 2),
    ]
    assert all(each.text for each in found.refusals)
    assert [(each.client_id, each.issued, each.refused) for each in found.clients] == [
        ("bob", 9, 0),
        ("ada", 5, 2),
        ("", 0, 3),
    ]


async def test_a_week_is_shown_by_days(counted):
    found = await show_usage(counted)

    assert (found.step, len(found.spans), found.issued) == ("day", 7, 114)
    assert found.until.hour == found.since.hour == 0
    assert len((await show_usage(counted, step="hour")).spans) == 168


async def test_shows_one_client_and_the_busiest_ones(counted):
    one = await show_usage(counted, client_id="ada")
    top = await show_usage(counted, top=1)

    assert (one.issued, one.refused, len(one.clients)) == (5, 2, 1)
    assert [each.client_id for each in top.clients] == ["bob"]
    assert top.issued == 114


async def test_an_account_sees_its_own_clients_alone(counted):
    own = counted.acting_as(Actor(kind="member", rights=ROLES["member"], account="acme"))

    for account in (None, "acme"):
        found = await show_usage(own, account=account)
        assert (found.issued, found.refused, len(found.clients)) == (5, 2, 1)
    others = await show_usage(own, account="globex")
    assert (others.issued, others.refused, others.clients, others.refusals) == (0, 0, (), ())
    with pytest.raises(Missing):
        await show_usage(own, client_id="bob")


async def test_refuses_spans_that_make_no_picture(counted):
    for last in (0, HOUR - 1, 401 * DAY):
        with pytest.raises(BadInput):
            await show_usage(counted, last=last)
    with pytest.raises(BadInput, match="Ask for days"):
        await show_usage(counted, last=60 * DAY, step="hour")


async def test_takes_the_right_to_read_the_trail(counted):
    with pytest.raises(NotAllowed):
        await show_usage(counted.acting_as(Actor(kind="client", rights=frozenset())))


async def test_an_account_is_told_no_counts_of_whoever_had_the_id_before(booth, clock):
    for name in ("acme", "globex"):
        await create_account(booth, name=name)
    hour = int(clock.now()) // HOUR * HOUR
    await create_client(booth, client_id="ada", apis=["persons"], account="acme")
    used = Usage(hour=hour, issuer="default", client_id="ada", outcome="issued", count=5)
    await booth.store.record_activity(usage=[used])
    await delete_client(booth, "ada", force=True)
    clock.travel(2 * HOUR)
    await create_client(booth, client_id="ada", apis=["persons"], account="globex")

    globex = booth.acting_as(Actor(kind="member", rights=ROLES["member"], account="globex"))
    found = await show_usage(globex, last=24 * HOUR)

    assert (found.issued, found.clients) == (0, ())
    assert (await show_usage(booth, last=24 * HOUR)).issued == 5
