"""Invitations at the console."""

import re

import pytest

from tests.console.people import PASSWORD, email_of, link_in, value_of, words
from tokenbooth.management.people.sessions import FRESH_SECONDS

NEW = "a wholly new password"


async def test_an_owner_invites_by_a_link_that_is_shown_once(town, owner):
    made = await owner.post("/members/invite", email="New@Acme.example", role="member")

    assert made.status_code == 200
    assert "Hand this link over yourself" in words(made)
    assert 'data-leave-to="/console/members"' in made.text
    listed = await owner.get("/members")
    assert "new@acme.example to join as member" in words(listed)
    assert "/join/" not in listed.text
    joined = await town.browser().post(link_in(made), password=NEW, again=NEW)
    assert joined.status_code == 303
    member = await town.store.find_member(email="new@acme.example")
    assert (member.role, member.account) == ("member", "acme")


async def test_the_same_invitation_sent_again_makes_nothing(town, owner):
    form = {"email": "new@acme.example", "role": "member"}
    await owner.post("/members/invite", form)

    again = await owner.post("/members/invite", form)

    assert again.status_code == 409
    assert "is invited already" in words(again)
    assert len(await town.store.list_invitations()) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"email": "no address", "role": "member"}, 422),
        ({"email": "<script>alert(1)</script>@x.example", "role": "member"}, 422),
        ({"email": "new@acme.example", "role": "king"}, 422),
        ({"email": "new@acme.example"}, 422),
        ({"email": "new@acme.example", "role": "operator"}, 403),
        ({"email": email_of("member"), "role": "member"}, 409),
    ],
)
async def test_says_why_somebody_cannot_be_invited_and_keeps_the_email(town, owner, fields, status):
    answer = await owner.post("/members/invite", fields)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    assert value_of(answer, "email") == fields["email"]
    assert await town.store.list_invitations() == ()


async def test_an_owner_invites_to_the_own_account_whatever_the_form_says(town, owner):
    await owner.post("/members/invite", email="new@x.example", role="owner", account="globex")

    invitation = (await town.store.list_invitations())[0]
    assert invitation.account == "acme"


async def test_each_is_offered_the_roles_that_they_may_give(owner, operator):
    def roles(page):
        return re.findall(r'type="radio" name="role" value="([a-z]+)"', page.text)

    assert roles(await operator.get("/members/invite")) == [
        "operator",
        "auditor",
        "owner",
        "member",
    ]
    assert roles(await owner.get("/members/invite")) == ["auditor", "owner", "member"]
    assert 'name="account"' not in (await owner.get("/members/invite")).text


async def test_an_operator_invites_into_an_account_or_the_whole_service(town, operator):
    asked = await operator.get("/members/invite", account="globex")
    assert '<option value="globex" selected>' in asked.text

    await operator.post("/members/invite", email="a@x.example", role="owner", account="globex")
    await operator.post("/members/invite", email="b@x.example", role="auditor", account="")
    wrong = await operator.post("/members/invite", email="c@x.example", role="owner", account="")
    unknown = await operator.post("/members/invite", email="d@x.example", role="owner", account="x")

    found = await town.store.list_invitations()
    assert {(each.email, each.account) for each in found} == {
        ("a@x.example", "globex"),
        ("b@x.example", None),
    }
    assert (wrong.status_code, unknown.status_code) == (422, 404)


async def test_inviting_an_operator_asks_for_the_password_again(town, operator, clock):
    clock.travel(FRESH_SECONDS)
    form = {"email": "second@booth.example", "role": "operator"}

    asked = await operator.post("/members/invite", form)
    assert "Is it you?" in words(asked)
    assert value_of(asked, "email") == "second@booth.example"
    assert await town.store.list_invitations() == ()
    made = await operator.post("/members/invite", form | {"proof": PASSWORD})

    assert made.status_code == 200
    joined = await town.browser().post(link_in(made), password=NEW, again=NEW)
    assert joined.status_code == 303


async def test_a_new_link_ends_the_old_and_a_withdrawn_one_leads_nowhere(town, owner):
    first = link_in(await owner.post("/members/invite", email="new@acme.example", role="member"))
    listed = await owner.get("/members")
    renew = re.search(r'action="/console(/members/invitations/\w+/renew)"', listed.text)[1]

    second = link_in(await owner.post(renew))
    assert (await town.browser().get(first)).status_code == 404
    assert (await town.browser().get(second)).status_code == 200
    assert (await owner.post(renew)).status_code == 404
    assert (await owner.get(renew)).headers["location"] == "/console/members"
    listed = await owner.get("/members")
    withdraw = re.search(r'action="/console(/members/invitations/\w+/withdraw)"', listed.text)[1]
    await owner.post(withdraw)

    assert (await town.browser().get(second)).status_code == 404


async def test_nobody_touches_invitations_of_another_account(town, owner, stranger):
    await owner.post("/members/invite", email="new@acme.example", role="member")
    listed = await owner.get("/members")
    for what in ("renew", "withdraw"):
        path = re.search(rf'action="/console(/members/invitations/\w+/{what})"', listed.text)[1]
        assert (await stranger.post(path)).status_code == 404
    assert "new@acme.example" not in (await stranger.get("/members")).text
    assert len(await town.store.list_invitations()) == 1


async def test_a_new_link_for_an_invitation_asks_for_the_password_again(town, operator, clock):
    await operator.post("/members/invite", email="second@booth.example", role="operator")
    listed = await operator.get("/members")
    renew = re.search(r'action="/console(/members/invitations/\w+/renew)"', listed.text)[1]
    clock.travel(FRESH_SECONDS)

    asked = await operator.post(renew)
    made = await operator.post(renew, proof=PASSWORD)

    assert "Is it you?" in words(asked)
    assert "/console/join/" not in asked.text
    assert (await town.browser().get(link_in(made))).status_code == 200
