"""One's own account: name, password, second factor, sessions."""

import re
from dataclasses import replace

import pytest

from tests.console.people import (
    PASSWORD,
    add_app,
    code_now,
    email_of,
    key_of,
    value_of,
    words,
)
from tokenbooth.management.people.sessions import FRESH_SECONDS

NEW = "a wholly new password"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def change_password(browser, current=PASSWORD, new=NEW, again=None):
    fields = {"current": current, "password": new, "again": new if again is None else again}
    return await browser.post("/me/password", fields)


async def test_shows_who_one_is_and_changes_the_name(owner):
    shown = await owner.get("/me")
    assert email_of("owner") in words(shown)
    assert "owner of acme" in words(shown)

    answer = await owner.post("/me", name="Ann <b>Other</b>")

    after = await owner.follow(answer)
    assert "Your name is changed." in words(after)
    assert value_of(after, "name") == "Ann <b>Other</b>"
    assert "<b>Other" not in after.text


async def test_refuses_a_name_that_is_too_long_and_keeps_it(owner):
    answer = await owner.post("/me", name="n" * 201)

    assert answer.status_code == 422
    assert value_of(answer, "name") == "n" * 201


async def test_a_new_password_ends_other_sessions_and_goes_on_in_this_one(town, owner):
    elsewhere = await town.sign_in("owner")
    before = owner.cookie

    answer = await change_password(owner)

    assert "Your password is changed." in words(await owner.follow(answer))
    assert owner.cookie != before
    assert (await elsewhere.get("/me")).status_code == 303
    entered = await town.browser().post("/sign-in", email=email_of("owner"), password=NEW)
    assert entered.status_code == 303


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"current": "not the password"}, 403, "wrong"),
        ({"new": "short"}, 422, "at least 12 characters"),
        ({"again": "another one, sorry"}, 422, "The two passwords differ"),
        ({"new": PASSWORD}, 422, "Choose another one"),
    ],
)
async def test_a_password_is_changed_by_the_old_one_to_a_good_one_alone(
    town, owner, fields, status, text
):
    answer = await change_password(owner, **fields)

    assert answer.status_code == status
    assert text in words(answer)
    entered = await town.browser().post("/sign-in", email=email_of("owner"), password=PASSWORD)
    assert entered.status_code == 303


async def test_guessing_the_old_password_is_slowed(owner):
    for _ in range(6):
        answer = await change_password(owner, current="not the password")
    answer = await change_password(owner, current="not the password")

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_second_factor_is_set_up_with_a_code_of_the_app(town, owner):
    shown = await owner.get("/me/second-factor")
    key = key_of(re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)[1])
    assert "<svg" in shown.text

    made = await owner.post(
        "/me/second-factor", sealed=value_of(shown, "sealed"), code=code_now(town, key)
    )

    codes = re.search(r'id="codes">([^<]+)<', made.text)[1].split()
    assert len(codes) == 10
    assert 'data-leave-to="/console/me"' in made.text
    assert "10 recovery codes left" in words(await owner.get("/me"))
    town.clock.travel(60)
    browser = town.browser()
    asked = await browser.post("/sign-in", email=email_of("owner"), password=PASSWORD)
    entered = await browser.post(
        "/sign-in/code", ticket=value_of(asked, "ticket"), code=code_now(town, key)
    )
    assert entered.status_code == 303


async def test_a_wrong_code_shows_the_same_secret_again(owner):
    shown = await owner.get("/me/second-factor")

    refused = await owner.post("/me/second-factor", sealed=value_of(shown, "sealed"), code="000000")

    assert refused.status_code == 422
    assert "The code does not fit" in words(refused)
    assert value_of(refused, "sealed") == value_of(shown, "sealed")
    found = [re.search(r"<code>([A-Z2-7 ]+)</code>", each.text)[1] for each in (shown, refused)]
    assert found[0] == found[1]


async def test_the_set_up_of_somebody_else_or_made_up_is_refused(owner, stranger):
    shown = await stranger.get("/me/second-factor")

    for sealed in (value_of(shown, "sealed"), "", "tbe_made-up"):
        answer = await owner.post("/me/second-factor", sealed=sealed, code="123456")
        assert answer.status_code == 422
        assert "Begin anew" in words(answer)


async def test_there_is_one_second_factor_at_a_time(town, owner):
    shown = await owner.get("/me/second-factor")
    key = key_of(re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)[1])
    form = {"sealed": value_of(shown, "sealed"), "code": code_now(town, key)}
    await owner.post("/me/second-factor", form)

    again = await owner.post("/me/second-factor", form)

    assert again.status_code == 409
    assert (await owner.get("/me/second-factor")).status_code == 303


async def test_new_recovery_codes_end_the_old_and_are_made_once_a_form(town, owner):
    _, old = await add_app(town, "owner")
    owner = await town.sign_in("owner")
    once = value_of(await owner.get("/me"), "once")

    made = await owner.post("/me/recovery-codes", once=once)
    again = await owner.post("/me/recovery-codes", once=once)

    new = re.search(r'id="codes">([^<]+)<', made.text)[1].split()
    assert not set(new) & set(old)
    assert again.status_code == 409
    assert (await owner.get("/me/recovery-codes")).status_code == 303
    browser = town.browser()
    asked = await browser.post("/sign-in", email=email_of("owner"), password=PASSWORD)
    ticket = value_of(asked, "ticket")
    refused = await browser.post("/sign-in/code", ticket=ticket, code=old[0])
    entered = await browser.post("/sign-in/code", ticket=ticket, code=new[0])
    assert (refused.status_code, entered.status_code) == (403, 303)


async def test_removing_the_second_factor_asks_for_the_password_when_it_was_shown_long_ago(
    town, owner
):
    await add_app(town, "owner")
    town.clock.travel(FRESH_SECONDS)

    asked = await owner.post("/me/second-factor/remove")
    assert (asked.status_code, "Is it you?" in words(asked)) == (403, True)
    refused = await owner.post("/me/second-factor/remove", proof="not the password")
    assert (refused.status_code, "The password is wrong." in words(refused)) == (403, True)
    assert "An authenticator app" in words(await owner.get("/me"))
    answer = await owner.post("/me/second-factor/remove", proof=PASSWORD)

    assert "Your second factor is removed" in words(await owner.follow(answer))
    # The proof is fresh now.
    await add_app(town, "owner")
    assert (await owner.post("/me/second-factor/remove")).status_code == 303


async def test_nobody_locks_a_member_out_by_a_browser_that_was_left_open(town, owner):
    town.clock.travel(FRESH_SECONDS)
    shown = await owner.get("/me/second-factor")
    key = key_of(re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)[1])
    form = {"sealed": value_of(shown, "sealed"), "code": code_now(town, key)}

    asked = await owner.post("/me/second-factor", form)
    member = await town.store.find_member(email=email_of("owner"))
    added = await owner.post("/me/second-factor", form, proof=PASSWORD)

    assert (asked.status_code, member.totp) == (403, None)
    assert value_of(asked, "sealed") == form["sealed"]
    assert 'id="codes"' in added.text
    assert (await town.store.find_member(email=email_of("owner"))).totp is not None


async def test_guessing_the_password_of_a_proof_is_slowed(town, owner):
    await add_app(town, "owner")
    town.clock.travel(FRESH_SECONDS)
    for _ in range(6):
        await owner.post("/me/second-factor/remove", proof="not the password")

    answer = await owner.post("/me/second-factor/remove", proof=PASSWORD)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_lists_browsers_and_ends_one_or_all_others(town, owner):
    firefox = await town.sign_in("owner", **{"User-Agent": FIREFOX})
    third = await town.sign_in("owner")
    await third.get("/me")
    town.clock.travel(61)
    await firefox.get("/me")
    shown = await owner.get("/me")
    assert "Firefox on Linux" in words(shown)
    row = next(each for each in shown.text.split("<tr>") if "Firefox on Linux" in each)
    end = re.search(r'action="/console(/me/sessions/[^"]+/end)"', row)[1]

    await owner.post(end)
    assert (await firefox.get("/me")).status_code == 303
    assert (await third.get("/me")).status_code == 200
    answer = await owner.post("/me/sessions/end-others")

    assert "1 other browser is signed out." in words(await owner.follow(answer))
    assert (await third.get("/me")).status_code == 303
    assert (await owner.get("/me")).status_code == 200


async def test_ends_no_session_of_somebody_else(town, owner, stranger):
    await stranger.get("/me")
    member = await town.store.find_member(email=email_of("stranger"))
    session = (await town.store.list_sessions(member.id))[0]

    answer = await owner.post(f"/me/sessions/{session.digest[:16]}/end")

    assert answer.status_code == 404
    assert (await stranger.get("/me")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/me",
        "/me/password",
        "/me/second-factor",
        "/me/second-factor/remove",
        "/me/recovery-codes",
        "/me/sessions/end-others",
        "/me/sessions/0000000000000000/end",
    ],
)
async def test_takes_forms_of_its_own_pages_and_session_alone(owner, path):
    assert (await owner.post(path, csrf="")).status_code == 403
    assert (await owner.post(path, csrf="0" * 64)).status_code == 403
    elsewhere = await owner.post(path, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403


@pytest.mark.parametrize("path", ["/me", "/me/password", "/me/second-factor"])
async def test_is_seen_only_signed_in(town, path):
    answer = await town.browser().get(path)

    assert answer.headers["location"].startswith("/console/sign-in?next=")


async def test_asks_for_the_old_password_and_twice_for_the_new_one(owner):
    shown = await owner.get("/me/password")

    assert re.findall(r'type="password" autocomplete="([a-z-]+)"', shown.text) == [
        "current-password",
        "new-password",
        "new-password",
    ]


async def test_who_signs_in_elsewhere_has_no_password_to_change(town, owner):
    member = await town.store.get_member("m-owner")
    await town.store.replace_member(replace(member, password_hash=None, identity="https://i u-1"))

    assert "Change the password" not in words(await owner.get("/me"))
    assert (await change_password(owner)).status_code == 409


async def test_who_has_neither_password_nor_provider_is_told_where_to_get_one(town, owner):
    await add_app(town, "owner")
    member = await town.store.get_member("m-owner")
    await town.store.replace_member(replace(member, password_hash=None))
    town.clock.travel(FRESH_SECONDS)

    asked = await owner.post("/me/second-factor/remove")

    assert asked.status_code == 403
    assert "Ask an operator" in words(asked)
