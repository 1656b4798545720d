"""Signing in at the console with an OpenID Connect provider, over HTTP."""

import asyncio
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from tests.console.people import add_app, code_now, email_of, value_of, words
from tests.management.people.oidc import CLIENT_ID, CLIENT_SECRET, returned, running
from tokenbooth.management.people.invitations import invite
from tokenbooth.management.people.sessions import FRESH_SECONDS

COOKIE = "__Host-tokenbooth_elsewhere"


@pytest.fixture
def provider(clock):
    with running(clock) as started:
        started.user["email"] = email_of("owner")
        yield started


@pytest.fixture
def settings(settings, provider, monkeypatch):
    monkeypatch.setenv("PROVIDER_SECRET", CLIENT_SECRET)
    return replace(
        settings,
        sso_issuer=provider.issuer,
        sso_client_id=CLIENT_ID,
        sso_client_secret="env:PROVIDER_SECRET",
        sso_label="Acme <ID>",
    )


async def leave(browser, **query):
    """Go to the provider, sign in there, and return what the browser comes back with."""
    sent = await browser.get("/sign-in/elsewhere", **query)
    assert sent.status_code == 303, words(sent)
    return await asyncio.to_thread(returned, sent.headers["location"])


async def come_back(browser, query):
    return await browser.get(f"/sign-in/elsewhere/back?{urlencode(query)}")


async def sign_in(browser, **query):
    return await come_back(browser, await leave(browser, **query))


async def test_the_sign_in_page_offers_it_under_its_name(town):
    shown = await town.browser().get("/sign-in", next="/me")

    assert "Sign in with Acme <ID>" in words(shown)
    assert 'href="/console/sign-in/elsewhere?next=%2Fme"' in shown.text


async def test_signs_a_member_in_and_goes_where_somebody_wanted_to_go(town):
    browser = town.browser()

    answer = await sign_in(browser, next="/me?x=a b")

    assert answer.headers["location"] == "/console/me?x=a+b"
    assert email_of("owner") in words(await browser.get("/me"))
    assert COOKIE not in browser.http.cookies


async def test_leads_nowhere_but_to_pages_of_its_own(town):
    answer = await sign_in(town.browser(), next="https://evil.example/")

    assert answer.headers["location"] == "/console/"


async def test_the_cookie_on_the_way_holds_no_readable_secret_and_is_bound_to_this_host(town):
    browser = town.browser()

    sent = await browser.get("/sign-in/elsewhere")

    cookie = sent.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=tbw_")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(
        cookie.split("; ")
    )


async def test_who_was_not_invited_is_told_so(town, provider):
    provider.user["email"] = "nobody@elsewhere.example"

    answer = await sign_in(town.browser())

    assert answer.status_code == 403
    assert "nobody invited you here" in words(answer)


async def test_joins_by_the_link_of_an_invitation(town, provider):
    made = await invite(town.booth, email="new@acme.example", role="member", account="acme")
    code = made.link.reveal().rpartition("/")[2]
    browser = town.browser()
    shown = await browser.get(f"/join/{code}")
    assert f'href="/console/sign-in/elsewhere?join={code}"' in shown.text
    provider.user |= {"sub": "u-9", "email": "new@acme.example", "name": "New <b>One</b>"}

    answer = await sign_in(browser, join=code)

    assert answer.status_code == 303
    member = await town.store.find_member(email="new@acme.example")
    assert (member.account, member.password_hash) == ("acme", None)
    assert "<b>One" not in (await browser.get("/me")).text
    dead = await town.browser().get("/sign-in/elsewhere", join=code)
    assert dead.status_code == 404


async def test_asks_for_the_second_factor_too(town):
    key, _ = await add_app(town, "owner")
    browser = town.browser()

    asked = await sign_in(browser, next="/me")

    assert "Your code" in words(asked)
    assert browser.cookie is None
    entered = await browser.post(
        "/sign-in/code",
        ticket=value_of(asked, "ticket"),
        next=value_of(asked, "next"),
        code=code_now(town, key),
    )
    assert entered.headers["location"] == "/console/me"


async def test_an_answer_to_another_browser_signs_nobody_in(town):
    query = await leave(town.browser())

    for browser in (town.browser(), await town.sign_in("stranger")):
        await leave(browser)
        answer = await come_back(browser, query)
        assert answer.status_code == 403
        assert "began in another browser" in words(answer)
    assert email_of("stranger") in words(await browser.get("/me"))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "x", "code": "y"},
        {"error": "access_denied", "state": "x"},
        {"error": "<script>alert(1)</script>", "state": "é"},
        {"state": "x" * 5000},
    ],
)
async def test_a_made_up_answer_is_refused(town, query):
    browser = town.browser()
    assert (await come_back(browser, query)).status_code == 403
    await leave(browser)

    answer = await come_back(browser, query)

    assert answer.status_code == 403
    assert "<script>alert" not in answer.text
    assert browser.cookie is None


async def test_a_damaged_cookie_is_refused(town):
    browser = town.browser()
    query = await leave(browser)
    browser.http.cookies.clear()
    browser.http.cookies.set(COOKIE, "tbw_..%zz", domain="auth.example.com", path="/")

    assert (await come_back(browser, query)).status_code == 403


async def test_says_what_the_provider_said(town):
    browser = town.browser()
    query = await leave(browser)

    answer = await come_back(browser, {"error": "access_denied", "state": query["state"]})

    assert answer.status_code == 403
    assert "access_denied" in words(answer)


async def test_says_that_the_provider_is_away_and_leaves_the_password(town, provider):
    provider.metadata = {"authorization_endpoint": None}

    answer = await town.browser().get("/sign-in/elsewhere", next="/me")

    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
    assert "database" not in words(answer)
    assert value_of(answer, "next") == "/me"


async def test_who_has_no_password_proves_it_at_the_provider(town):
    owner = await town.store.get_member("m-owner")
    await town.store.replace_member(replace(owner, password_hash=None))
    browser = town.browser()
    await sign_in(browser)
    town.clock.travel(FRESH_SECONDS)
    page = {"Referer": "https://auth.example.com/console/members/m-member"}
    asked = await browser.post("/members/m-member/remove", headers=page)
    assert "needs a fresh sign-in" in words(asked)
    assert "elsewhere?next=%2Fmembers%2Fm-member&amp;fresh=yes" in asked.text

    answer = await sign_in(browser, next="/members/m-member", fresh="yes")

    assert answer.headers["location"] == "/console/members/m-member"
    assert "It is you." in words(await browser.follow(answer))
    assert (await browser.post("/members/m-member/remove")).headers["location"].endswith("/members")


async def test_nobody_else_proves_it_for_a_member(town, provider):
    browser = town.browser()
    await sign_in(browser)
    town.clock.travel(FRESH_SECONDS)
    provider.user |= {"sub": "u-2", "email": email_of("stranger")}

    answer = await sign_in(browser, next="/me", fresh="yes")

    assert answer.status_code == 403
    assert "Somebody else signed in there" in words(answer)
    assert "Is it you?" in words(await browser.post("/members/m-member/remove"))


async def test_no_code_state_or_secret_is_logged(log, town):
    browser = town.browser()
    query = await leave(browser)

    await come_back(browser, query)

    logged = log()
    assert '"route":"/sign-in/elsewhere/back"' in logged
    for secret in (query["code"], query["state"], CLIENT_SECRET, browser.cookie):
        assert secret not in logged
