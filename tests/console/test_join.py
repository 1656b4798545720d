"""One-time links: joining, becoming the first operator, choosing a new password."""

import pytest

from tests.console.people import PASSWORD, add_app, code_now, email_of, value_of, words
from tokenbooth.management.people.invitations import LIFETIME, first_operator_link, invite
from tokenbooth.management.people.password_changes import reset_link
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

DEAD = "This link was used already, was withdrawn, or is too old."
NEW = "a wholly new password"


def path_of(made):
    return "/join/" + made.link.reveal().rpartition("/")[2]


async def invited(town, role="member", account="acme", email="new@acme.example"):
    return path_of(await invite(town.booth, email=email, role=role, account=account))


async def reset(town, who="owner"):
    return path_of(await reset_link(town.booth, email_of(who)))


async def follow(browser, path, **fields):
    return await browser.post(path, {"password": NEW, "again": NEW} | fields)


async def test_a_link_says_whose_invitation_it_is_and_lets_in_once(town):
    path = await invited(town)
    browser = town.browser()

    shown = await browser.get(path)
    assert "the account acme as member" in words(shown)
    assert value_of(shown, "email") == "new@acme.example"
    answer = await follow(browser, path, name="Ann")

    assert "Welcome." in words(await browser.follow(answer))
    member = await town.store.find_member(email="new@acme.example")
    assert (member.role, member.account, member.name) == ("member", "acme", "Ann")
    again = await follow(town.browser(), path)
    assert (again.status_code, DEAD in words(again)) == (404, True)
    assert (await town.browser().get(path)).status_code == 404


async def test_whoever_follows_cannot_choose_role_account_or_email(town):
    path = await invited(town)

    await follow(
        town.browser(), path, email="other@globex.example", role="operator", account="globex"
    )

    assert await town.store.find_member(email="other@globex.example") is None
    member = await town.store.find_member(email="new@acme.example")
    assert (member.role, member.account) == ("member", "acme")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"password": "short", "again": "short"}, "at least 12 characters"),
        ({"again": "another password"}, "The two passwords differ"),
        ({"password": "", "again": ""}, "at least 12 characters"),
        ({"password": "x" * 1025, "again": "x" * 1025}, "at most 1024 characters"),
        ({"password": "password1234", "again": "password1234"}, "among the first"),
        ({"name": "n" * 201}, "one line of at most 200"),
        ({"name": "a\u202eb"}, "one line of at most 200"),
    ],
)
async def test_says_what_is_wrong_keeps_the_name_and_leaves_the_link_alive(town, fields, text):
    path = await invited(town)

    answer = await follow(town.browser(), path, **{"name": "Ann"} | fields)

    assert answer.status_code == 422
    assert text in words(answer)
    assert value_of(answer, "name") == fields.get("name", "Ann")
    assert value_of(answer, "password") == ""
    assert (await follow(town.browser(), path)).status_code == 303


async def test_a_hostile_name_is_shown_as_text(town):
    path = await invited(town)
    browser = town.browser()

    await follow(browser, path, name="<script>alert(1)</script>")

    page = await browser.get("/members")
    assert "<script>alert" not in page.text
    assert "<script>alert(1)</script>" in words(page)


async def test_a_link_ends_after_a_week(town, clock):
    path = await invited(town)
    clock.travel(LIFETIME)

    assert (await town.browser().get(path)).status_code == 404
    assert (await follow(town.browser(), path)).status_code == 404


@pytest.mark.parametrize("code", ["x", "x" * 43, "%C3%A9" * 43, "x" * 3000])
async def test_a_made_up_link_leads_nowhere(town, code):
    answer = await town.browser().get(f"/join/{code}")

    assert (answer.status_code, DEAD in words(answer)) == (404, True)


async def test_takes_no_form_of_another_site(town):
    path = await invited(town)
    form = {"password": NEW, "again": NEW}

    answer = await town.browser().post(path, form, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert await town.store.find_member(email="new@acme.example") is None


async def test_whoever_is_signed_in_is_told_and_becomes_the_other(town, owner):
    path = await invited(town)

    assert f"You are signed in as {email_of('owner')}" in words(await owner.get(path))
    await follow(owner, path)

    assert "new@acme.example" in words(await owner.get("/me"))


async def test_the_first_operator_says_the_own_email(settings, clock, tmp_path, open_town):
    empty = Settings(database=f"sqlite:///{tmp_path}/empty.db", issuer_url=settings.issuer_url)
    booth = await open_booth(empty, clock=clock)
    path = path_of(await first_operator_link(booth))
    await booth.close()
    town = await open_town(empty)
    browser = town.browser()

    assert "the first operator" in words(await browser.get(path))
    refused = await follow(browser, path, email="no address")
    assert (refused.status_code, value_of(refused, "email")) == (422, "no address")
    answer = await follow(browser, path, email="First@Example.com")

    assert answer.status_code == 303
    member = await town.store.find_member(email="first@example.com")
    assert (member.role, member.account) == ("operator", None)
    assert (await browser.get("/accounts/new")).status_code == 200
    assert (await town.browser().get(path)).status_code == 404


async def test_a_reset_link_sets_the_password_and_ends_other_sessions(town, owner):
    path = await reset(town)
    browser = town.browser()

    assert email_of("owner") in words(await browser.get(path))
    answer = await follow(browser, path)

    assert "Your new password is in force" in words(await browser.follow(answer))
    assert (await owner.get("/me")).status_code == 303
    other = town.browser()
    old = await other.post("/sign-in", email=email_of("owner"), password=PASSWORD)
    new = await other.post("/sign-in", email=email_of("owner"), password=NEW)
    assert (old.status_code, new.status_code) == (403, 303)
    assert (await town.browser().get(path)).status_code == 404


async def test_a_reset_link_does_not_get_around_the_second_factor(town):
    key, _ = await add_app(town, "owner")
    path = await reset(town)
    browser = town.browser()

    asked = await follow(browser, path)

    assert "Your code" in words(asked)
    assert browser.cookie is None
    entered = await browser.post(
        "/sign-in/code", ticket=value_of(asked, "ticket"), code=code_now(town, key)
    )
    assert entered.status_code == 303


async def test_a_reset_link_of_a_disabled_member_is_refused(town, operator):
    path = await reset(town)
    await operator.post("/members/m-owner/disable")

    answer = await follow(town.browser(), path)

    assert answer.status_code == 404


async def test_the_code_of_a_link_is_not_logged(log, town):
    path = await invited(town)

    await town.browser().get(path)

    assert path.removeprefix("/join/") not in log()
