"""Members: who may see and change whom, and that somebody can always run the service."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from tests.management.people.people import HOME, PASSWORD, add, code_of, events_of, everybody
from tokenbooth.management.errors import (
    BadInput,
    Conflict,
    Missing,
    NotAllowed,
    Outdated,
    SignInRefused,
)
from tokenbooth.management.people.invitations import (
    invite,
    list_invitations,
    renew_invitation,
    withdraw_invitation,
)
from tokenbooth.management.people.members import (
    change_member,
    change_own_name,
    disable_member,
    enable_member,
    end_member_sessions,
    list_members,
    remove_member,
    remove_second_factor_of,
    show_member,
)
from tokenbooth.management.people.password_changes import (
    change_password,
    choose_password,
    reset_link,
)
from tokenbooth.management.people.sessions import SignedIn, find_session
from tokenbooth.management.people.sign_in import CodeNeeded, sign_in
from tokenbooth.management.versions import version_of
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.actor import Actor

pytestmark = pytest.mark.usefixtures("cheap_hashes")

NEW = Secret("another long password")


@pytest.fixture
async def people(booth):
    return await everybody(booth)


async def session_of(people, who):
    cookie = people.signed_in[who].cookie.reveal()
    return await find_session(people.booth, cookie, HOME)


@dataclass(frozen=True)
class Deed:
    """Something that is done to a member."""

    name: str
    do: object
    reads: bool = False


DEEDS = [
    Deed("show", show_member, reads=True),
    Deed("rename", lambda booth, email: change_member(booth, email, name="New")),
    Deed("disable", disable_member),
    Deed("enable", enable_member),
    Deed("remove", remove_member),
    Deed("reset", reset_link),
    Deed("end sessions", end_member_sessions),
    Deed("remove factor", remove_second_factor_of),
]

# Who sees whom, and who changes whom: the whole matrix of roles.
EVERYBODY = {"operator", "auditor", "owner", "member", "reader", "stranger"}
OF_ACME = {"owner", "member", "reader"}
SEES = {
    "operator": EVERYBODY,
    "auditor": EVERYBODY,
    "owner": OF_ACME,
    "member": OF_ACME,
    "reader": OF_ACME,
    "stranger": {"stranger"},
}
CHANGES = {
    "operator": EVERYBODY,
    "auditor": set(),
    "owner": OF_ACME,
    "member": set(),
    "reader": set(),
    "stranger": {"stranger"},
}
THEMSELVES = {"disable", "remove", "remove factor"}  # what nobody does to themselves


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
@pytest.mark.parametrize("who", sorted(EVERYBODY))
async def test_who_may_do_what_to_whom(people, who, deed):
    # Else the operator would be the last, whom nobody may remove.
    await add(people.booth, "another@example.com", "operator")
    acting = people.acting(who)
    # Themselves last: whoever is removed or signed out does nothing more.
    for whom in sorted(EVERYBODY, key=lambda each: (each == who, each)):
        outcome = None
        try:
            await deed.do(acting, f"{whom}@example.com")
        except (NotAllowed, Missing) as error:
            outcome = type(error)
        assert outcome is expected_outcome(who, whom, deed), whom


def expected_outcome(who, whom, deed):
    if not deed.reads and not CHANGES[who]:
        return NotAllowed
    if whom not in SEES[who]:
        return Missing
    if deed.reads:
        return None
    is_own = whom == who and deed.name in THEMSELVES
    return NotAllowed if is_own or whom not in CHANGES[who] else None


@pytest.mark.parametrize("who", sorted(EVERYBODY))
async def test_everybody_lists_whom_they_see(people, who):
    listed = await list_members(people.acting(who))

    assert {each.email.partition("@")[0] for each in listed} == SEES[who]


@pytest.mark.parametrize(
    ("who", "role", "account", "expected"),
    [
        ("operator", "operator", None, None),
        ("operator", "auditor", None, None),
        ("operator", "owner", "globex", None),
        ("owner", "owner", "acme", None),
        ("owner", "member", "acme", None),
        ("owner", "auditor", "acme", None),
        ("owner", "member", "globex", NotAllowed),
        ("owner", "member", "nowhere", NotAllowed),
        ("owner", "auditor", None, NotAllowed),
        ("owner", "operator", None, NotAllowed),
        ("owner", "operator", "acme", NotAllowed),
        ("member", "member", "acme", NotAllowed),
        ("reader", "auditor", "acme", NotAllowed),
        ("auditor", "auditor", None, NotAllowed),
    ],
)
async def test_who_may_invite_whom(people, who, role, account, expected):
    invited = invite(people.acting(who), email="new@example.com", role=role, account=account)

    if expected is None:
        assert (await invited).role == role
    else:
        with pytest.raises(expected):
            await invited


@pytest.mark.parametrize(
    ("role", "account"), [("operator", None), ("owner", "globex"), ("auditor", "globex")]
)
async def test_an_owner_makes_nobody_more_than_an_owner(people, role, account):
    with pytest.raises(NotAllowed):
        await change_member(
            people.acting("owner"), "member@example.com", role=role, account=account
        )

    assert (await people.member("member")).role == "member"


@pytest.mark.parametrize("who", ["operator", "owner"])
async def test_nobody_changes_their_own_role(people, who):
    role = "auditor" if who == "operator" else "member"
    with pytest.raises(NotAllowed, match="own role"):
        await change_member(people.acting(who), f"{who}@example.com", role=role)


async def test_a_client_gives_no_role_beyond_its_own_rights(people):
    client = people.booth.acting_as(
        Actor(kind="client", name="ci", rights=frozenset({"members:read", "members:write"}))
    )
    for deed in (
        invite(client, email="new@example.com", role="operator"),
        invite(client, email="new@example.com", role="member", account="acme"),
        reset_link(client, "operator@example.com"),
        change_member(client, "member@example.com", role="owner"),
    ):
        with pytest.raises(NotAllowed):
            await deed


async def test_open_links_of_other_accounts_are_not_there(people):
    link = await invite(
        people.acting("stranger"), email="x@example.com", role="member", account="globex"
    )
    owner = people.acting("owner")

    assert await list_invitations(owner) == ()
    with pytest.raises(Missing):
        await list_invitations(owner, account="globex")
    with pytest.raises(Missing):
        await list_members(owner, account="globex")
    for deed in (renew_invitation(owner, link.id), withdraw_invitation(owner, link.id)):
        with pytest.raises(Missing):
            await deed


async def test_the_last_operator_stays(people):
    for deed in (
        disable_member(people.booth, "operator@example.com"),
        remove_member(people.booth, "operator@example.com"),
        change_member(people.booth, "operator@example.com", role="auditor"),
    ):
        with pytest.raises(Conflict, match="last operator"):
            await deed
    assert (await people.member("operator")).enabled


async def test_two_operators_who_remove_each_other_do_not_both_succeed(people):
    people.signed_in["other"] = await add(people.booth, "other@example.com", "operator")

    outcomes = await asyncio.gather(
        remove_member(people.acting("operator"), "other@example.com"),
        remove_member(people.acting("other"), "operator@example.com"),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "NoneType"]


async def test_a_disabled_member_is_signed_out_and_stays_out(people):
    await disable_member(people.acting("owner"), "member@example.com")

    assert await session_of(people, "member") is None
    with pytest.raises(SignInRefused):
        await sign_in(people.booth, email="member@example.com", password=PASSWORD, visitor=HOME)
    await enable_member(people.acting("owner"), "member@example.com")
    assert await sign_in(people.booth, email="member@example.com", password=PASSWORD, visitor=HOME)


async def test_another_role_ends_the_sessions(people):
    changed = await change_member(people.acting("owner"), "member@example.com", role="auditor")

    assert changed.role == "auditor"
    assert await session_of(people, "member") is None
    event = (await events_of(people.booth, "member_changed"))[-1]
    assert (event.actor, event.account) == ("member:owner@example.com", "acme")
    assert event.details == {"changes": {"role": ["member", "auditor"]}}


async def test_another_name_ends_no_session(people):
    await change_member(people.acting("owner"), "member@example.com", name="Max")

    assert await session_of(people, "member") is not None
    renamed = await change_own_name(
        people.acting("member"), await people.member("member"), "Moritz"
    )
    assert renamed.name == "Moritz"


async def test_a_member_who_moves_is_seen_to_leave_and_to_come(people):
    await change_member(people.acting("operator"), "member@example.com", account="globex")

    events = await events_of(people.booth, "member_changed")
    assert [each.account for each in events] == ["acme", "globex"]
    assert await session_of(people, "member") is None


async def test_a_new_operator_leaves_the_account(people):
    changed = await change_member(people.acting("operator"), "member@example.com", role="operator")

    assert (changed.role, changed.account) == ("operator", None)
    with pytest.raises(BadInput):
        await change_member(people.acting("operator"), "member@example.com", role="member")


async def test_a_removed_member_is_gone_with_sessions_and_links(people):
    link = await reset_link(people.acting("owner"), "member@example.com")
    await remove_member(people.acting("owner"), "member@example.com")

    assert await session_of(people, "member") is None
    await add(people.booth, "member@example.com", "member", "globex")
    with pytest.raises(Missing):
        await choose_password(
            people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
        )


async def test_an_outdated_change_is_refused(people):
    seen = version_of(await people.member("member"))
    await change_member(people.booth, "member@example.com", name="Max", version=seen)

    for deed in (
        change_member(people.booth, "member@example.com", name="Moritz", version=seen),
        disable_member(people.booth, "member@example.com", version=seen),
        remove_member(people.booth, "member@example.com", version=seen),
    ):
        with pytest.raises(Outdated):
            await deed


async def test_a_reset_link_sets_the_password_and_ends_all_sessions(people):
    link = await reset_link(people.acting("owner"), "member@example.com")

    signed_in = await choose_password(
        people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
    )

    assert isinstance(signed_in, SignedIn)
    assert await session_of(people, "member") is None
    assert await sign_in(people.booth, email="member@example.com", password=NEW, visitor=HOME)
    with pytest.raises(Missing):
        await choose_password(
            people.booth, unverified_code=code_of(link), password=PASSWORD, visitor=HOME
        )


async def test_a_new_reset_link_ends_the_older(people, clock):
    older, newer = [await reset_link(people.booth, "member@example.com") for _ in range(2)]

    for link, seconds in ((older, 0), (newer, 86_400)):
        clock.travel(seconds)
        with pytest.raises(Missing):
            await choose_password(
                people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
            )


async def test_a_reset_link_of_a_disabled_member_leads_nowhere(people):
    link = await reset_link(people.booth, "member@example.com")
    await disable_member(people.booth, "member@example.com")

    with pytest.raises(Missing):
        await choose_password(
            people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
        )
    with pytest.raises(Conflict, match="Enable"):
        await reset_link(people.booth, "member@example.com")


async def test_a_reset_link_is_of_no_use_for_what_the_member_became(people):
    link = await reset_link(people.acting("owner"), "member@example.com")
    await change_member(people.acting("operator"), "member@example.com", role="operator")

    with pytest.raises(Missing):
        await choose_password(
            people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
        )


async def test_a_reset_link_does_not_get_around_the_second_factor(people):
    member = await people.member("member")
    await people.booth.store.replace_member(replace(member, totp=b"sealed"), seen=member)
    link = await reset_link(people.booth, "member@example.com")

    assert isinstance(
        await choose_password(
            people.booth, unverified_code=code_of(link), password=NEW, visitor=HOME
        ),
        CodeNeeded,
    )


async def test_a_new_password_takes_the_old_one_and_ends_other_sessions(people):
    member = await people.member("member")
    acting = people.acting("member")
    with pytest.raises(SignInRefused):
        await change_password(acting, member, current=NEW, new=NEW, visitor=HOME)
    with pytest.raises(BadInput):
        await change_password(acting, member, current=PASSWORD, new=PASSWORD, visitor=HOME)

    signed_in = await change_password(acting, member, current=PASSWORD, new=NEW, visitor=HOME)

    assert await session_of(people, "member") is None
    assert await find_session(people.booth, signed_in.cookie.reveal(), HOME)
    assert (await events_of(people.booth, "password_changed"))[-1].actor == (
        "member:member@example.com"
    )


async def test_no_view_or_event_shows_a_hash(people):
    seen = repr(await list_members(people.booth)) + repr(await events_of(people.booth))
    seen += repr(await people.booth.store.list_members())

    assert "argon2" not in seen


@pytest.mark.parametrize("who", ["", "x" * 5000, "\u0000", "nobody", "a@b\n", "ü@ü"])
async def test_a_name_that_nobody_has_is_missing(people, who):
    with pytest.raises(Missing):
        await show_member(people.booth, who)
