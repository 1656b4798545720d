"""The contract about people: accounts, members, invitations, sessions and attempts to sign in."""

import asyncio
from dataclasses import replace

import pytest

from tests.store_contract.samples import NOW, account, client, credential
from tokenbooth.server.audit_records import Event
from tokenbooth.server.people_records import (
    AttemptBudget,
    Invitation,
    KeptAnswer,
    Member,
    Session,
)
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale, StillInUse

DAY = 86_400.0


def member(name="ann", **changes):
    filled = {
        "id": f"id-{name}",
        "email": f"{name}@example.com",
        "name": f"Ann Åberg {name}",
        "role": "member",
        "account": "acme",
        "password_hash": "$argon2id$",
        "identity": f"https://login.example.com {name}",
        "totp": b"\x00\xff sealed",
        "totp_step": 5,
        "recovery_codes": ("d1", "d2"),
        "created_at": NOW,
    }
    return Member(**filled | changes)


def operator(name):
    return member(name, role="operator", account=None)


def session(digest="s1", **changes):
    filled = {
        "digest": digest,
        "member": "id-ann",
        "created_at": NOW,
        "proved_at": NOW,
        "seen_at": NOW,
        "expires_at": NOW + 60,
        "source": "192.0.2.7",
        "agent": "Firefox",
    }
    return Session(**filled | changes)


def invitation(digest="i1", **changes):
    filled = {
        "digest": digest,
        "email": "bob@example.com",
        "role": "member",
        "account": "acme",
        "invited_by": "member:ann@example.com",
        "created_at": NOW,
        "expires_at": NOW + 60,
    }
    return Invitation(**filled | changes)


def answer(**changes):
    filled = {"key": "k1", "fingerprint": "f1", "expires_at": NOW + 60}
    return KeptAnswer(**filled | changes)


def event(type_="member_changed"):
    return Event(type=type_, at=NOW, actor="service")


async def types(store):
    return [each.event.type for each in await store.audit_trail(0, limit=100)]


@pytest.fixture
async def acme(filled):
    await filled.add_account(account())
    await filled.add_account(account("globex"))
    await filled.add_member(member())
    return filled


async def test_an_account_is_replaced_as_seen(acme):
    seen = account()
    changed = replace(seen, title="New")

    await acme.replace_account(changed, seen=seen, audit=[event("account_changed")])

    assert (await acme.list_accounts())[0] == changed
    assert await acme.get_account(changed.name) == changed
    assert await acme.get_account("none") is None
    with pytest.raises(Stale):
        await acme.replace_account(replace(seen, title="Other"), seen=seen, audit=[event()])
    with pytest.raises(NotFound):
        await acme.replace_account(account("none"))
    assert await types(acme) == ["account_changed"]


async def test_an_account_is_deleted_when_it_owns_nothing(acme):
    await acme.add_invitation(invitation())
    await acme.add_client(client(account="acme"), [credential()])
    for end in (acme.delete_client("default", "ada"), acme.delete_member("id-ann")):
        with pytest.raises(StillInUse):
            await acme.delete_account("acme", audit=[event()])
        await end

    await acme.delete_account("acme")

    assert [each.name for each in await acme.list_accounts()] == ["globex"]
    assert await acme.list_invitations() == ()
    assert await types(acme) == []
    with pytest.raises(NotFound):
        await acme.delete_account("acme")


async def test_what_an_account_owns_is_counted(acme):
    await acme.add_client(client(account="acme"))
    await acme.add_client(client("bob", account="acme"))
    await acme.add_client(client("eve", account="globex"))

    assert await acme.count_of_account("acme") == (2, 1)
    assert await acme.count_of_account("none") == (0, 0)


async def test_a_member_comes_back_as_it_was(acme):
    plain = Member(id="id-x", email="x@example.com", role="operator", created_at=NOW)
    await acme.add_member(plain)

    assert await acme.get_member("id-ann") == member()
    assert await acme.find_member(email="ann@example.com") == member()
    assert await acme.find_member(identity="https://login.example.com ann") == member()
    assert await acme.get_member("id-x") == plain
    assert await acme.get_member("none") is None
    assert await acme.find_member(email="Ann@example.com") is None
    assert await acme.find_member(identity="none") is None
    assert await acme.list_members() == (member(), plain)
    assert await acme.list_members("acme") == (member(),)
    assert await acme.list_members("globex") == ()


@pytest.mark.parametrize(
    "taken",
    [
        {"id": "id-ann"},
        {"email": "ann@example.com"},
        {"identity": "https://login.example.com ann"},
    ],
)
async def test_id_email_and_identity_are_unique(acme, taken):
    await acme.add_member(member("bob"))

    with pytest.raises(AlreadyExists):
        await acme.add_member(member("eve", **taken), audit=[event()])
    if "id" not in taken:
        with pytest.raises(AlreadyExists):
            await acme.replace_member(member("bob", **taken), audit=[event()])
    assert await types(acme) == []


async def test_members_without_an_identity_are_as_many_as_come(acme):
    for name in ("bob", "eve"):
        await acme.add_member(member(name, identity=None))


async def test_a_member_needs_its_account(acme):
    with pytest.raises(NotFound):
        await acme.add_member(member("bob", account="none"))
    with pytest.raises(NotFound):
        await acme.replace_member(member(account="none"))


async def test_an_invitation_is_used_up_with_the_member_that_it_makes(acme, other_store):
    await acme.add_invitation(invitation())

    outcomes = await asyncio.gather(
        *(
            store.add_member(member(name), invitation="i1", audit=[event("member_joined")])
            for store, name in ((acme, "bob"), (other_store, "eve"))
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "NotFound"]
    assert len(await acme.list_members()) == 2
    assert await acme.list_invitations() == ()
    assert await types(acme) == ["member_joined"]


async def test_an_invitation_stays_when_the_member_cannot_be_made(acme):
    await acme.add_invitation(invitation())

    with pytest.raises(AlreadyExists):
        await acme.add_member(member(), invitation="i1")
    assert await acme.get_invitation("i1") == invitation()


async def test_a_member_is_replaced_as_seen_with_its_link_and_sessions(acme):
    await acme.add_session(session())
    await acme.add_invitation(invitation(kind="password_reset"))
    seen = await acme.get_member("id-ann")

    changed = replace(seen, password_hash="new")
    await acme.replace_member(changed, seen=seen, invitation="i1", ending_sessions=True)

    assert await acme.get_member("id-ann") == changed
    assert await acme.list_sessions("id-ann") == ()
    with pytest.raises(NotFound):
        await acme.replace_member(seen, invitation="i1")
    with pytest.raises(Stale):
        await acme.replace_member(seen, seen=seen)
    with pytest.raises(NotFound):
        await acme.replace_member(member("none"))
    assert await acme.get_member("id-ann") == changed


async def test_the_last_enabled_operator_stays(acme):
    await acme.add_member(operator("one"))
    await acme.add_member(replace(operator("two"), enabled=False))
    one = operator("one")

    for change in (
        acme.delete_member("id-one", audit=[event()]),
        acme.replace_member(replace(one, enabled=False), audit=[event()]),
        acme.replace_member(replace(one, role="auditor"), audit=[event()]),
    ):
        with pytest.raises(StillInUse):
            await change
    await acme.replace_member(replace(one, name="New"))
    await acme.replace_member(replace(operator("two"), enabled=True))
    await acme.delete_member("id-one")
    assert await types(acme) == []


async def test_of_two_operators_who_remove_each_other_one_stays(acme, other_store):
    for name in ("one", "two"):
        await acme.add_member(operator(name))

    outcomes = await asyncio.gather(
        acme.delete_member("id-one"), other_store.delete_member("id-two"), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "StillInUse"]


async def test_a_deleted_member_takes_its_sessions_along(acme):
    await acme.add_session(session())
    await acme.delete_member("id-ann", audit=[event("member_removed")])

    assert await acme.get_session("s1") is None
    assert await types(acme) == ["member_removed"]
    with pytest.raises(NotFound):
        await acme.delete_member("id-ann")


async def test_a_time_step_is_spent_once_and_never_an_older_one(acme, other_store):
    outcomes = await asyncio.gather(
        *(store.spend_second_factor("id-ann", step=7) for store in (acme, other_store)),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "Stale"]
    with pytest.raises(Stale):
        await acme.spend_second_factor("id-ann", step=6)
    await acme.spend_second_factor("id-ann", step=8)


async def test_a_recovery_code_is_spent_once(acme, other_store):
    outcomes = await asyncio.gather(
        *(store.spend_second_factor("id-ann", recovery_code="d1") for store in (acme, other_store)),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "Stale"]
    assert (await acme.get_member("id-ann")).recovery_codes == ("d2",)


@pytest.mark.parametrize("spent", [{"step": 7}, {"recovery_code": "d1"}])
async def test_who_is_no_member_spends_nothing(acme, spent):
    with pytest.raises(Stale):
        await acme.spend_second_factor("none", **spent)


async def test_an_invitation_comes_back_as_it_was(acme):
    first = invitation(email="", account=None, role="operator", kind="invitation")
    await acme.add_invitation(first)
    await acme.add_invitation(invitation("i2", created_at=NOW + 1, kind="password_reset"))

    assert await acme.get_invitation("i1") == first
    assert await acme.get_invitation("none") is None
    assert [each.digest for each in await acme.list_invitations()] == ["i1", "i2"]
    assert [each.digest for each in await acme.list_invitations("acme")] == ["i2"]
    with pytest.raises(AlreadyExists):
        await acme.add_invitation(first)
    with pytest.raises(NotFound):
        await acme.add_invitation(invitation("i3", account="none"))


async def test_an_invitation_is_deleted_once(acme):
    await acme.add_invitation(invitation())
    await acme.delete_invitation("i1", audit=[event("invitation_withdrawn")])

    with pytest.raises(NotFound):
        await acme.delete_invitation("i1", audit=[event()])
    assert await types(acme) == ["invitation_withdrawn"]


async def test_a_session_comes_back_with_its_member_as_of_now(acme):
    await acme.add_session(session(), audit=[event("signed_in")])

    found, owner = await acme.get_session("s1")
    assert (found, owner) == (session(), member(last_sign_in_at=NOW))
    assert await acme.get_session("none") is None
    assert await types(acme) == ["signed_in"]
    with pytest.raises(NotFound):
        await acme.add_session(session("s2", member="none"), audit=[event()])
    assert await acme.get_session("s2") is None


@pytest.mark.parametrize(
    "change",
    [
        {"role": "owner"},
        {"account": "globex"},
        {"enabled": False},
        {"password_hash": "new"},
        {"identity": None},
        {"totp": None},
    ],
)
async def test_a_session_begins_only_for_the_member_as_it_was_seen(acme, change):
    await acme.replace_member(member(**change))

    with pytest.raises(Stale):
        await acme.add_session(session(), seen=member(), audit=[event()])
    assert await acme.list_sessions("id-ann") == ()
    assert (await acme.get_member("id-ann")).last_sign_in_at is None
    now = member(**change)
    await acme.add_session(session(), seen=replace(now, name="Other", totp_step=9))


async def test_a_session_is_replaced_while_it_is_there(acme):
    await acme.add_session(session())
    await acme.replace_session(session(seen_at=NOW + 30, source="198.51.100.1"))

    assert (await acme.get_session("s1"))[0].seen_at == NOW + 30
    with pytest.raises(NotFound):
        await acme.replace_session(session("none"))


async def test_sessions_are_ended_one_all_or_all_but_one(acme):
    await acme.add_member(member("bob"))
    await acme.add_session(session("bobs", member="id-bob"))
    for number in range(4):
        await acme.add_session(session(f"s{number}", seen_at=NOW + number))
    assert [each.digest for each in await acme.list_sessions("id-ann")] == ["s3", "s2", "s1", "s0"]

    assert await acme.delete_sessions("id-ann", only="s0", audit=[event("signed_out")]) == 1
    assert await acme.delete_sessions("id-ann", only="bobs") == 0
    assert await acme.delete_sessions("id-ann", but="s1") == 2
    assert await acme.delete_sessions("id-ann") == 1
    assert await acme.get_session("bobs") is not None
    assert await types(acme) == ["signed_out"]


async def test_what_expired_is_forgotten(acme):
    await acme.add_session(session())
    await acme.add_session(session("s2", expires_at=NOW + 600))
    await acme.keep_answer(answer(), now=NOW)
    await acme.add_invitation(invitation())
    await acme.take_attempt([budget(forgiven_after=60)], now=NOW)

    assert await acme.forget_expired(NOW + 61) == 3
    assert [each.digest for each in await acme.list_sessions("id-ann")] == ["s2"]
    assert await acme.get_invitation("i1") is not None
    assert await acme.forget_expired(NOW + 31 * DAY) == 2
    assert await acme.get_invitation("i1") is None


def budget(key="k", **changes):
    filled = {"key": key, "free": 2, "longest": 8.0, "forgiven_after": 1000.0}
    return AttemptBudget(**filled | changes)


async def test_attempts_beyond_the_free_ones_wait_twice_as_long_each(store):
    waits, now = [], NOW
    for _ in range(13):
        wait = await store.take_attempt([budget()], now=now)
        waits.append(wait)
        now += wait

    assert waits == [0, 0, 1, 0, 2, 0, 4, 0, 8, 0, 8, 0, 8]


async def test_who_waits_is_not_counted(store):
    for _ in range(2):
        assert await store.take_attempt([budget()], now=NOW) == 0
    for _ in range(10):
        assert await store.take_attempt([budget()], now=NOW) == 1
    assert await store.take_attempt([budget()], now=NOW + 1) == 0


async def test_one_budget_that_waits_stops_all(store):
    for _ in range(2):
        await store.take_attempt([budget("a")], now=NOW)

    assert await store.take_attempt([budget("b"), budget("a")], now=NOW) == 1
    assert [await store.take_attempt([budget("b")], now=NOW) for _ in range(3)] == [0, 0, 1]


async def test_attempts_are_forgiven_with_time(store):
    for _ in range(2):
        await store.take_attempt([budget()], now=NOW)

    assert await store.take_attempt([budget()], now=NOW + 1000) == 0
    assert await store.take_attempt([budget()], now=NOW + 1000) == 1
    later = NOW + 10_000
    assert [await store.take_attempt([budget()], now=later) for _ in range(3)] == [0, 0, 1]


async def test_an_attempt_is_given_back_and_all_are_forgotten(store):
    for _ in range(2):
        await store.take_attempt([budget("a"), budget("b")], now=NOW)

    await store.give_back_attempt(["a", "none"])
    await store.forget_attempts(["b", "none"])

    assert [await store.take_attempt([budget("a")], now=NOW) for _ in range(2)] == [0, 1]
    assert [await store.take_attempt([budget("b")], now=NOW) for _ in range(3)] == [0, 0, 1]


async def test_a_clock_that_is_set_back_makes_nobody_wait_longer(store):
    for _ in range(2):
        await store.take_attempt([budget()], now=NOW + 3600)

    assert await store.take_attempt([budget()], now=NOW) <= 8


async def test_attempts_at_once_on_all_nodes_are_counted_together(store, other_store):
    waits = await asyncio.gather(
        *(
            node.take_attempt([budget("a", free=5), budget("b", free=9)], now=NOW)
            for node in (store, other_store)
            for _ in range(20)
        )
    )

    assert waits.count(0) == 5


async def test_a_key_is_taken_by_one_answer_until_it_expires(store, other_store):
    mine = [answer(fingerprint=f"f{number}") for number in range(4)]
    kept = await asyncio.gather(
        *(
            node.keep_answer(each, now=NOW)
            for node, each in zip((store, other_store) * 2, mine, strict=True)
        )
    )

    assert len(set(kept)) == 1
    assert await store.keep_answer(answer(fingerprint="late"), now=NOW + 59) == kept[0]
    fresh = answer(fingerprint="fresh", expires_at=NOW + 120)
    assert await store.keep_answer(fresh, now=NOW + 60) == fresh


async def test_an_answer_is_finished_or_dropped(store):
    await store.keep_answer(answer(), now=NOW)
    done = answer(status=201, headers='{"a":"b"}', sealed=b"\x00\xff")
    await store.finish_answer(done)
    assert await store.keep_answer(answer(), now=NOW) == done

    await store.drop_answer("k1")
    assert await store.keep_answer(answer(), now=NOW) == answer()
