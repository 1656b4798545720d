"""Invitations: one-time links, for the first operator and for everybody after."""

import asyncio

import pytest

from tests.management.people.people import HOME, PASSWORD, add, code_of, events_of, first_operator
from tokenbooth.management.errors import BadInput, Conflict, Missing
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.invitations import (
    first_operator_link,
    invite,
    join,
    list_invitations,
    look_at_invitation,
    renew_invitation,
    withdraw_invitation,
)
from tokenbooth.management.people.members import remove_member
from tokenbooth.management.people.password_changes import reset_link
from tokenbooth.management.people.sessions import SignedIn, acting_as
from tokenbooth.management.people.sign_in import sign_in
from tokenbooth.protocol.secret import Secret

pytestmark = pytest.mark.usefixtures("cheap_hashes")


async def follow(booth, link, **given):
    return await join(
        booth, unverified_code=code_of(link), password=PASSWORD, visitor=HOME, **given
    )


@pytest.fixture
async def acme(booth):
    await first_operator(booth)
    await create_account(booth, name="acme")
    return booth


async def test_the_first_operator_comes_in_by_a_link_of_the_service(booth):
    link = await first_operator_link(booth)
    signed_in = await follow(booth, link, email="op@example.com", name="Olivia")

    assert link.link.reveal().startswith("http://127.0.0.1:8080/console/join/")
    assert (signed_in.member.role, signed_in.member.account) == ("operator", None)
    assert await first_operator_link(booth) is None
    assert await sign_in(booth, email="op@example.com", password=PASSWORD, visitor=HOME)


async def test_each_start_makes_a_new_first_link_and_ends_the_older(booth):
    older, newer = [await first_operator_link(booth) for _ in range(2)]

    with pytest.raises(Missing):
        await follow(booth, older, email="op@example.com")
    assert await follow(booth, newer, email="op@example.com")
    assert await list_invitations(booth) == ()


async def test_the_first_link_is_worth_nothing_once_there_is_an_operator(booth):
    first = await first_operator_link(booth)
    await add(booth, "op@example.com", "operator")

    with pytest.raises(Missing):
        await look_at_invitation(booth, code_of(first))
    with pytest.raises(Missing):
        await follow(booth, first, email="thief@example.com")


async def test_the_first_link_asks_for_an_email(booth):
    first = await first_operator_link(booth)

    for email in (None, "", "no address"):
        with pytest.raises(BadInput, match="email address"):
            await follow(booth, first, email=email)
    assert await follow(booth, first, email="op@example.com")


async def test_who_is_invited_joins_with_that_email_role_and_account(acme):
    link = await invite(acme, email="Ann@Example.com", role="owner", account="acme")

    signed_in = await follow(acme, link, email="other@example.com", name="Ann")

    assert isinstance(signed_in, SignedIn)
    member = signed_in.member
    assert (member.email, member.name, member.role, member.account) == (
        "ann@example.com", "Ann", "owner", "acme",
    )  # fmt: skip
    joined = (await events_of(acme, "member_joined"))[-1]
    assert (joined.actor, joined.account) == ("member:ann@example.com", "acme")
    assert joined.details["invited_by"] == "service"


async def test_a_link_is_followed_once(acme):
    link = await invite(acme, email="ann@example.com", role="member", account="acme")
    await follow(acme, link)

    with pytest.raises(Missing, match="used already"):
        await follow(acme, link)


async def test_of_two_who_follow_one_link_one_gets_in(booth):
    link = await first_operator_link(booth)

    outcomes = await asyncio.gather(
        *(follow(booth, link, email=f"op{number}@example.com") for number in range(4)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    assert sum(isinstance(each, Missing) for each in outcomes) == 3
    assert len(await booth.store.list_members()) == 1


async def test_a_link_is_good_for_a_week(acme, clock):
    link = await invite(acme, email="ann@example.com", role="member", account="acme")
    clock.travel(7 * 86_400)

    with pytest.raises(Missing):
        await follow(acme, link)
    assert [each.is_expired for each in await list_invitations(acme)] == [True]
    assert await follow(
        acme, await invite(acme, email="ann@example.com", role="member", account="acme")
    )


async def test_a_link_is_stored_and_listed_without_its_code(acme):
    link = await invite(acme, email="ann@example.com", role="member", account="acme")
    code = code_of(link)

    stored = await acme.store.list_invitations()
    assert code not in repr(stored) + repr(await list_invitations(acme)) + repr(link)
    assert code not in repr(await events_of(acme))
    assert len(code) == 43


async def test_a_renewed_link_ends_the_old_one(acme):
    old = await invite(acme, email="ann@example.com", role="member", account="acme")
    new = await renew_invitation(acme, old.id)

    with pytest.raises(Missing):
        await follow(acme, old)
    with pytest.raises(Missing):
        await renew_invitation(acme, old.id)
    assert await follow(acme, new)


async def test_a_withdrawn_link_leads_nowhere(acme):
    link = await invite(acme, email="ann@example.com", role="member", account="acme")
    await withdraw_invitation(acme, link.id)

    with pytest.raises(Missing):
        await follow(acme, link)
    with pytest.raises(Missing):
        await withdraw_invitation(acme, link.id)
    assert (await events_of(acme, "invitation_withdrawn"))[0].subject == "ann@example.com"


async def test_nobody_is_invited_twice(acme):
    await invite(acme, email="ann@example.com", role="member", account="acme")

    with pytest.raises(Conflict, match="invited already"):
        await invite(acme, email="ANN@example.com", role="owner", account="acme")
    with pytest.raises(Conflict, match="member already"):
        await invite(acme, email="op@example.com", role="member", account="acme")


@pytest.mark.parametrize(
    ("role", "account"), [("operator", "acme"), ("owner", None), ("member", None)]
)
async def test_a_role_fits_its_account(acme, role, account):
    with pytest.raises(BadInput):
        await invite(acme, email="ann@example.com", role=role, account=account)


async def test_an_account_must_be_there(acme):
    with pytest.raises(Missing, match="acme"):
        await invite(acme, email="ann@example.com", role="member", account="acne")


@pytest.mark.parametrize("code", ["", "x", "x" * 43, "\u00e9" * 43, "../" * 20])
async def test_a_made_up_code_leads_nowhere(acme, code):
    with pytest.raises(Missing):
        await look_at_invitation(acme, code)
    with pytest.raises(Missing):
        await join(acme, unverified_code=code, password=PASSWORD, visitor=HOME)


async def test_a_bad_password_leaves_the_link_good(acme):
    link = await invite(acme, email="ann@example.com", role="member", account="acme")

    with pytest.raises(BadInput):
        await join(acme, unverified_code=code_of(link), password=Secret("short"), visitor=HOME)
    assert (await look_at_invitation(acme, code_of(link))).email == "ann@example.com"
    assert await follow(acme, link)


async def test_a_link_for_a_password_makes_no_member(acme):
    await add(acme, "ann@example.com", "member", "acme")
    link = await reset_link(acme, "ann@example.com")
    await remove_member(acme, "ann@example.com")

    with pytest.raises(Missing):
        await follow(acme, link)


async def test_who_is_a_member_elsewhere_is_told_so_by_the_link_alone(acme):
    await create_account(acme, name="globex")
    owner = (await add(acme, "owner@example.com", "owner", "globex")).member
    await add(acme, "ann@example.com", "member", "acme")

    # The owner of another account does not learn who is a member here.
    link = await invite(
        acting_as(acme, owner, HOME), email="ann@example.com", role="member", account="globex"
    )

    with pytest.raises(Conflict, match="Sign in instead"):
        await follow(acme, link)
