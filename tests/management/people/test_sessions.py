"""Sessions: how long they live, what ends them, and who sees them."""

import pytest

from tests.management.people.people import HOME, PASSWORD, events_of, everybody
from tokenbooth.management.errors import Missing
from tokenbooth.management.people.members import end_member_sessions
from tokenbooth.management.people.sessions import (
    Visitor,
    actor_for,
    end_other_sessions,
    end_own_session,
    find_session,
    list_own_sessions,
    needs_fresh_proof,
    note_proof,
    sign_out,
)
from tokenbooth.management.people.sign_in import sign_in

pytestmark = pytest.mark.usefixtures("cheap_hashes")
HOUR = 3600


@pytest.fixture
async def people(booth):
    return await everybody(booth)


@pytest.fixture
def mine(people):
    return people.signed_in["member"]


async def alive(people, signed_in):
    return await find_session(people.booth, signed_in.cookie.reveal(), HOME)


async def again(people, agent="Chromium"):
    return await sign_in(
        people.booth,
        email="member@example.com",
        password=PASSWORD,
        visitor=Visitor(source="198.51.100.9", agent=agent),
    )


async def test_a_cookie_leads_to_its_session_and_member(people, mine):
    session, member = await alive(people, mine)

    assert member.email == "member@example.com"
    assert (session.source, session.agent) == ("192.0.2.7", "Firefox")
    assert len(mine.cookie.reveal()) == 43
    assert mine.cookie.reveal() not in repr(session) + repr(mine)


@pytest.mark.parametrize("cookie", [None, "", "x", "x" * 43, "\u00e9" * 43, "x" * 100_000])
async def test_a_made_up_cookie_leads_nowhere(people, cookie):
    assert await find_session(people.booth, cookie, HOME) is None


async def test_a_session_ends_after_eight_hours_without_a_visit(people, mine, clock):
    clock.travel(8 * HOUR)

    assert await alive(people, mine) is None


async def test_a_session_that_is_used_ends_after_a_day(people, mine, clock):
    for _ in range(23):
        clock.travel(HOUR)
        assert await alive(people, mine) is not None
    clock.travel(HOUR)

    assert await alive(people, mine) is None


async def test_a_visit_is_written_once_a_minute(people, mine, clock):
    seen = []
    for _ in range(4):
        clock.travel(30)
        session, _ = await alive(people, mine)
        seen.append(clock.now() - session.seen_at)

    assert seen == [30, 0, 30, 0]


async def test_a_member_sees_the_own_sessions_alone(people, mine):
    other = await again(people)

    listed = await list_own_sessions(people.booth, mine.session)

    assert {(each.source, each.is_this) for each in listed} == {
        ("192.0.2.7", True),
        ("198.51.100.9", False),
    }
    assert not any(other.session.digest in repr(each) for each in listed)


async def test_an_expired_session_is_not_listed(people, mine, clock):
    clock.travel(9 * HOUR)

    assert [each.is_this for each in await list_own_sessions(people.booth, mine.session)] == []


async def test_signing_out_ends_the_session(people, mine):
    await sign_out(people.acting("member"), mine.session)

    assert await alive(people, mine) is None
    event = (await events_of(people.booth, "signed_out"))[-1]
    assert (event.actor, event.account) == ("member:member@example.com", "acme")


async def test_one_session_is_ended_by_its_id(people, mine):
    other = await again(people)
    (id_,) = [
        each.id for each in await list_own_sessions(people.booth, mine.session) if not each.is_this
    ]
    await end_own_session(people.acting("member"), mine.session, id_)

    assert await alive(people, other) is None
    assert await alive(people, mine) is not None
    with pytest.raises(Missing):
        await end_own_session(people.acting("member"), mine.session, id_)


async def test_a_session_of_somebody_else_is_not_ended_by_its_id(people, mine):
    id_ = people.signed_in["owner"].session.digest[:16]

    with pytest.raises(Missing):
        await end_own_session(people.acting("member"), mine.session, id_)
    assert await alive(people, people.signed_in["owner"]) is not None


async def test_all_others_are_ended(people, mine):
    others = [await again(people) for _ in range(2)]

    assert await end_other_sessions(people.acting("member"), mine.session) == 2

    assert [await alive(people, each) for each in others] == [None, None]
    assert await alive(people, mine) is not None


async def test_an_owner_ends_the_sessions_of_a_member(people, mine):
    await again(people)

    assert await end_member_sessions(people.acting("owner"), "member@example.com") == 2
    assert await alive(people, mine) is None


async def test_a_proof_is_fresh_for_a_quarter_of_an_hour(people, mine, clock):
    now = clock.now()

    assert not needs_fresh_proof(mine.session, now)
    assert not needs_fresh_proof(mine.session, now + 899)
    assert needs_fresh_proof(mine.session, now + 900)
    assert needs_fresh_proof(mine.session, now - 1)
    clock.travel(HOUR)
    assert not needs_fresh_proof(await note_proof(people.booth, mine.session), clock.now())


async def test_a_member_acts_with_role_account_and_origin(people, mine):
    actor = actor_for(mine.member, source="192.0.2.7", request_id="req-9")

    assert str(actor) == "member:member@example.com"
    assert actor.account == "acme"
    assert actor.may("clients:write")
    assert not actor.may("members:write")
    assert (actor.source, actor.request_id) == ("192.0.2.7", "req-9")
