"""Members at the console."""

import pytest

from tests.console.people import PASSWORD, PEOPLE, add_app, email_of, link_in, value_of, words
from tokenbooth.management.people.sessions import FRESH_SECONDS
from tokenbooth.server.people_records import Member

NEW = "a wholly new password"


async def change(browser, who, **fields):
    shown = await browser.get(f"/members/m-{who}")
    form = {"version": value_of(shown, "version"), "name": who.title(), "role": PEOPLE[who][0]}
    return await browser.post(f"/members/m-{who}/change", form | fields)


async def stored(town, who):
    return await town.store.get_member(f"m-{who}")


async def test_an_operator_sees_everybody_and_may_look_at_one_account(operator):
    everybody = words(await operator.get("/members"))
    acme = words(await operator.get("/members", account="acme"))

    assert all(email_of(who) in everybody for who in PEOPLE)
    assert [who for who in PEOPLE if email_of(who) in acme.partition("Who Role")[2]] == [
        "owner",
        "member",
        "reader",
    ]


@pytest.mark.parametrize("who", ["owner", "member", "reader"])
async def test_people_of_an_account_see_their_own_alone(town, who):
    browser = await town.sign_in(who)

    shown = words(await browser.get("/members"))

    assert email_of("owner") in shown
    assert "globex" not in shown
    assert email_of("operator") not in shown
    assert (await browser.get("/members", account="globex")).status_code == 404


async def test_another_role_ends_the_members_sessions(town, owner, member):
    answer = await change(owner, "member", role="owner", name="Max")

    assert f"{email_of('member')} is changed." in words(await owner.follow(answer))
    assert (await stored(town, "member")).role == "owner"
    assert (await stored(town, "member")).name == "Max"
    assert (await member.get("/me")).status_code == 303


async def test_a_change_to_what_somebody_else_changed_meanwhile_is_refused(town, owner, operator):
    shown = await owner.get("/members/m-member")
    await change(operator, "member", name="Maxine", account="acme")

    answer = await owner.post(
        "/members/m-member/change", version=value_of(shown, "version"), name="Max", role="member"
    )

    assert answer.status_code == 409
    assert "Somebody else changed it meanwhile" in words(answer)
    assert (await stored(town, "member")).name == "Maxine"


async def test_nobody_changes_the_own_role_or_removes_themselves(town, owner):
    page = await owner.get("/members/m-owner")
    assert "This is you." in words(page)
    assert 'name="role"' not in page.text

    moved = await owner.post("/members/m-owner/change", name="Owner", role="member", version="")
    assert moved.status_code in (403, 409)
    for what in ("disable", "remove", "remove-second-factor"):
        assert (await owner.post(f"/members/m-owner/{what}")).status_code == 403
    assert (await stored(town, "owner")).role == "owner"


async def test_an_owner_makes_no_operator(town, owner):
    answer = await change(owner, "member", role="operator")

    assert answer.status_code == 403
    assert (await stored(town, "member")).role == "member"


async def test_an_operator_makes_an_operator_who_leaves_the_account(town, operator):
    answer = await change(operator, "member", role="operator", account="acme")

    assert answer.status_code == 303
    made = await stored(town, "member")
    assert (made.role, made.account) == ("operator", None)


async def test_an_account_that_is_not_there_is_named_on_the_form(town, operator):
    answer = await change(operator, "member", account="nowhere")
    gone = await operator.post("/members/none/change", role="auditor", account="", name="x")

    assert (answer.status_code, gone.status_code) == (404, 404)
    assert "There is no account 'nowhere'" in words(answer)
    assert value_of(answer, "name") == "Member"
    assert (await stored(town, "member")).account == "acme"


async def test_a_disabled_member_is_out_until_enabled(town, owner, member):
    await owner.post("/members/m-member/disable")

    assert (await member.get("/me")).status_code == 303
    assert "disabled" in words(await owner.get("/members/m-member"))
    form = {"email": email_of("member"), "password": PASSWORD}
    assert (await town.browser().post("/sign-in", form)).status_code == 403
    await owner.post("/members/m-member/enable")
    assert (await town.browser().post("/sign-in", form)).status_code == 303


async def test_a_removed_member_is_gone(town, owner, member):
    answer = await owner.post("/members/m-member/remove")

    assert "is a member no more." in words(await owner.follow(answer))
    assert (await member.get("/me")).status_code == 303
    assert (await owner.get("/members/m-member")).status_code == 404
    assert (await owner.post("/members/m-member/remove")).status_code == 404


async def test_makes_a_link_for_a_new_password_once_a_form(town, owner):
    once = value_of(await owner.get("/members/m-member"), "once")

    made = await owner.post("/members/m-member/reset-password", once=once)
    again = await owner.post("/members/m-member/reset-password", once=once)

    assert 'data-leave-to="/console/members/m-member"' in made.text
    assert again.status_code == 409
    assert (await town.browser().get(link_in(made))).status_code == 200
    assert (await owner.get("/members/m-member/reset-password")).status_code == 303


@pytest.mark.parametrize("what", ["reset-password", "remove-second-factor", "remove"])
async def test_dangerous_things_ask_for_the_password_again(town, owner, clock, what):
    clock.travel(FRESH_SECONDS)

    asked = await owner.post(f"/members/m-member/{what}", once="x" * 22)

    assert (asked.status_code, "Is it you?" in words(asked)) == (403, True)
    proven = await owner.post(f"/members/m-member/{what}", once="x" * 22, proof=PASSWORD)
    assert proven.status_code in (200, 303)


async def test_lets_somebody_in_who_lost_the_phone(town, owner):
    await add_app(town, "member")
    member = await town.sign_in("member")
    owner = await town.sign_in("owner")
    assert "Remove the second factor" in words(await owner.get("/members/m-member"))

    await owner.post("/members/m-member/remove-second-factor")

    assert (await member.get("/me")).status_code == 303
    entered = await town.browser().post("/sign-in", email=email_of("member"), password=PASSWORD)
    assert entered.status_code == 303


async def test_ends_all_sessions_of_a_member(owner, member):
    await owner.post("/members/m-member/end-sessions")

    assert (await member.get("/me")).status_code == 303


ACTIONS = (
    "change",
    "enable",
    "disable",
    "end-sessions",
    "remove-second-factor",
    "remove",
    "reset-password",
)


@pytest.mark.parametrize("what", ACTIONS)
async def test_members_of_another_account_are_not_there(town, stranger, what):
    form = {"once": "x" * 22, "role": "member", "name": "Owned", "version": ""}

    answer = await stranger.post(f"/members/m-member/{what}", form)

    assert answer.status_code == 404
    assert "acme" not in words(answer)
    assert (await stored(town, "member")).name == "Member"
    assert (await stranger.get("/members/m-member")).status_code == 404
    assert (await stranger.get("/members/m-operator")).status_code == 404


@pytest.mark.parametrize("who", ["member", "reader", "auditor"])
@pytest.mark.parametrize("what", ACTIONS)
async def test_who_may_only_look_changes_nothing(town, who, what):
    browser = await town.sign_in(who)
    assert (await browser.get("/members/m-owner")).status_code == 200

    answer = await browser.post(f"/members/m-owner/{what}", once="x" * 22, role="member", name="x")

    assert answer.status_code == 403
    assert (await stored(town, "owner")).name == "Owner"
    assert (await browser.get("/members/invite")).status_code == 403
    invited = await browser.post("/members/invite", email="x@acme.example", role="member")
    assert invited.status_code == 403
    assert "Invite somebody" not in words(await browser.get("/members"))


@pytest.mark.parametrize("what", ["invite", *(f"m-member/{each}" for each in ACTIONS)])
async def test_takes_forms_of_its_own_pages_and_session_alone(town, owner, what):
    form = {"once": "x" * 22, "role": "owner", "name": "Owned", "email": "x@acme.example"}
    path = f"/members/{what}"

    assert (await owner.post(path, form, csrf="")).status_code == 403
    assert (await owner.post(path, form, csrf="0" * 64)).status_code == 403
    elsewhere = await owner.post(path, form, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert (await stored(town, "member")).name == "Member"


@pytest.mark.parametrize("who", ["nobody", "é", "x" * 3000, "a@b", "<script>"])
async def test_a_member_who_is_not_there_is_not_found(operator, who):
    answer = await operator.get(f"/members/{who}")

    assert answer.status_code == 404
    assert "<script>'" not in answer.text


async def test_finds_members_by_email_and_name_page_by_page(town, operator):
    for number in range(60):
        email = f"person-{number:02}@acme.example"
        made = Member(
            id=f"p{number}",
            email=email,
            name=f"Agent {number}",
            role="member",
            account="acme",
            created_at=town.clock.now(),
        )
        await town.store.add_member(made)

    first = words(await operator.get("/members", q="PERSON-"))
    second = words(await operator.get("/members", q="person-", after="person-49@acme.example"))
    named = words(await operator.get("/members", q="agent 07"))
    nobody = words(await operator.get("/members", q="<b>"))

    assert "person-49@" in first
    assert "person-50@" not in first
    assert "Next page" in first
    assert "person-59@" in second
    assert "Next page" not in second
    assert "Agent 7 " not in named
    assert "Nobody here has that" in nobody
    assert "owner@acme" not in first
