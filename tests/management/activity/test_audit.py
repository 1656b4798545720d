"""The audit trail as people read it, and what a walk along it finds."""

import pytest
from pysqlite3 import dbapi2 as sqlite

from tokenbooth.management.activity.audit import (
    HeadView,
    export_events,
    read_head,
    search_events,
    show_event,
    trail_head,
    verify_trail,
)
from tokenbooth.management.errors import BadInput, Missing, NotAllowed
from tokenbooth.management.rights import ROLES
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit import GENESIS, next_entries
from tokenbooth.server.audit_records import Event, EventFilter

ADDED = (
    "INSERT INTO audit SELECT 8, at, type, actor, account, issuer, client_id, subject, source, "
    "request_id, reason, count, details, hash FROM audit WHERE seq = 7"
)
FIRST = 2  # the fixture made two APIs


def member(booth, account="acme", role="member"):
    actor = Actor(kind="member", name="ann@example.com", rights=ROLES[role], account=account)
    return booth.acting_as(actor)


@pytest.fixture
async def filled(booth):
    """The booth with 5 more entries."""
    await booth.store.add_events(
        [
            booth.event("client_changed", account="acme", client_id="ada", subject=str(number))
            for number in range(3)
        ]
        + [booth.event("client_changed", account="globex"), booth.event("key_rotated")]
    )
    return booth


def tamper(booth, statement):
    path = booth.settings.database.removeprefix("sqlite:///")
    # The service's own library: a second one in this process would undo the locks of the first.
    with sqlite.connect(path) as connection:
        connection.execute(statement)
    connection.close()


async def test_a_trail_that_nobody_touched_is_whole(filled):
    told = []
    done = await verify_trail(filled, progress=lambda seq, last: told.append((seq, last)))

    assert (done.broken_at, done.mistake, done.entries) == (None, "", FIRST + 5)
    assert done.head == await trail_head(filled)
    assert told == [(FIRST + 5, FIRST + 5)]


async def test_an_empty_trail_is_whole(booth):
    tamper(booth, "DELETE FROM audit")
    tamper(booth, "UPDATE audit_head SET seq = 0, hash = ''")

    done = await verify_trail(booth)

    assert (done.entries, done.broken_at, done.head) == (0, None, HeadView(seq=0, hash=""))


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET actor = 'member:else' WHERE seq = 4", 4),
        ("UPDATE audit SET at = at + 0.001 WHERE seq = 4", 4),
        ("UPDATE audit SET details = '{\"x\":1}' WHERE seq = 4", 4),
        ("UPDATE audit SET account = NULL WHERE seq = 4", 4),
        ("UPDATE audit SET count = 2 WHERE seq = 7", 7),
        (f"UPDATE audit SET hash = '{'0' * 64}' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET seq = CASE seq WHEN 4 THEN -5 ELSE -4 END WHERE seq IN (4, 5)", 4),
        ("DELETE FROM audit WHERE seq > 5", 6),
        ("UPDATE audit_head SET seq = 5", 7),
        (f"UPDATE audit_head SET hash = '{'0' * 64}'", 7),
        (
            ADDED,
            8,
        ),
    ],
)
async def test_finds_the_first_entry_that_is_wrong(filled, statement, broken_at):
    tamper(filled, statement)
    tamper(filled, "UPDATE audit SET seq = -seq WHERE seq < 0")  # the second half of a swap

    done = await verify_trail(filled)

    assert done.broken_at == broken_at
    assert done.mistake
    assert done.head.seq < broken_at or done.head.seq == broken_at == 7


async def test_an_end_that_was_cut_off_well_shows_against_a_noted_head_alone(filled):
    noted = await trail_head(filled)
    earlier = (await show_event(filled, 5)).hash
    tamper(filled, "DELETE FROM audit WHERE seq > 5")
    tamper(filled, f"UPDATE audit_head SET seq = 5, hash = '{earlier}'")

    assert (await verify_trail(filled)).broken_at is None
    assert (await verify_trail(filled, noted=noted)).broken_at == noted.seq
    assert (await verify_trail(filled, noted=HeadView(seq=5, hash=earlier))).broken_at is None


async def test_a_trail_that_was_made_anew_shows_against_a_noted_head_alone(filled):
    noted = await trail_head(filled)
    entries = next_entries(GENESIS, [Event(type="x", at=0.0, actor="service")] * noted.seq)
    for entry in entries:
        tamper(
            filled,
            "UPDATE audit SET at = 0, type = 'x', actor = 'service', account = NULL, issuer = NULL,"
            f" client_id = NULL, subject = NULL, details = '{{}}', hash = '{entry.hash}'"
            f" WHERE seq = {entry.seq}",
        )
    tamper(filled, f"UPDATE audit_head SET hash = '{entries[-1].hash}'")

    assert (await verify_trail(filled)).broken_at is None
    assert (await verify_trail(filled, noted=noted)).mistake == "is not the one that was noted"


async def test_goes_on_from_a_noted_head(filled):
    noted = await trail_head(filled)
    tamper(filled, "UPDATE audit SET actor = 'else' WHERE seq = 3")
    await filled.store.add_events([filled.event("key_removed")])

    done = await verify_trail(filled, noted=noted)

    assert (done.entries, done.broken_at, done.head.seq) == (1, None, noted.seq + 1)


@pytest.mark.parametrize("text", ["", "7", "7:", ":" + "a" * 64, "x:" + "a" * 64, "7:" + "z" * 64])
def test_refuses_what_is_no_head(text):
    with pytest.raises(BadInput):
        read_head(text)


def test_reads_a_head_as_it_was_printed():
    assert read_head(f" 7:{'a' * 64}\n") == HeadView(seq=7, hash="a" * 64)


async def test_an_account_sees_its_own_entries_alone(filled):
    own = member(filled)

    assert {each.account for each in await search_events(own, EventFilter())} == {"acme"}
    assert await search_events(own, EventFilter(account="globex")) == ()
    assert (await show_event(own, FIRST + 1)).subject == "0"
    for seq in (1, FIRST + 4, 99):
        with pytest.raises(Missing):
            await show_event(own, seq)


@pytest.mark.parametrize("role", ["member", "owner", "auditor"])
async def test_the_whole_trail_is_not_an_accounts(filled, role):
    own = member(filled, role=role)
    with pytest.raises(NotAllowed):
        await verify_trail(own)
    with pytest.raises(NotAllowed):
        await trail_head(own)
    with pytest.raises(NotAllowed):
        await anext(export_events(own))


async def test_who_lacks_the_right_reads_nothing(filled):
    actor = filled.acting_as(Actor(kind="client", name="app", rights=frozenset({"clients:read"})))
    with pytest.raises(NotAllowed, match="audit:read"):
        await search_events(actor, EventFilter())
    with pytest.raises(NotAllowed):
        await show_event(actor, 1)


async def test_finds_a_group_of_types_by_its_beginning(filled):
    for name in ("client", "client_"):
        found = await search_events(filled, EventFilter(type=name))
        assert {each.type for each in found} == {"client_changed"}
    (key,) = await search_events(filled, EventFilter(type="key_rotated"))
    assert key.text == "A key was made, or is used sooner"
    with pytest.raises(BadInput, match="Did you mean 'client_changed'"):
        await search_events(filled, EventFilter(type="client_chnged"))


async def test_exports_all_in_order_and_what_is_asked_for(filled, clock):
    clock.travel(60)
    await filled.store.add_events([filled.event("key_removed")])

    every = [each.seq async for each in export_events(filled)]
    behind = [each.seq async for each in export_events(filled, after=6)]
    later = [each.type async for each in export_events(filled, since=clock.now())]

    assert every == list(range(1, FIRST + 7))
    assert behind == [7, 8]
    assert later == ["key_removed"]
