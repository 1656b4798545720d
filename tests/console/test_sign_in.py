"""Signing in and out at the console."""

from urllib.parse import urljoin, urlsplit

import pytest

from tests.console.people import (
    COOKIE,
    PASSWORD,
    add_app,
    code_now,
    email_of,
    value_of,
    words,
)
from tests.server.booths import BASE_URL
from tokenbooth.management.people import sign_in

WRONG = "Email or password is wrong."


async def enter(browser, who="owner", password=PASSWORD, **more):
    return await browser.post("/sign-in", email=email_of(who), password=password, **more)


async def test_signs_in_with_email_and_password_and_goes_where_somebody_wanted_to_go(town):
    browser = town.browser()
    shown = await browser.get("/sign-in", next="/clients?q=a b&page=2")

    answer = await enter(browser, next=value_of(shown, "next"))

    assert answer.headers["location"] == "/console/clients?q=a+b&page=2"
    assert email_of("owner") in words(await browser.get("/"))


async def test_the_cookie_of_a_session_is_bound_to_this_host_and_hidden_from_scripts(town):
    answer = await enter(town.browser())

    cookies = answer.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith(f"{COOKIE}="))
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(session.split("; "))
    assert "Domain" not in session
    assert "Max-Age" not in session


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "//[",
        "/%0d%0aLocation:%20https://evil.example",
        "/\r\nLocation: https://evil.example",
    ],
)
async def test_leads_nowhere_but_to_pages_of_its_own(town, wanted):
    answer = await enter(town.browser(), next=wanted)

    assert answer.status_code == 303
    led_to = urlsplit(urljoin(BASE_URL, answer.headers["location"]))
    assert f"{led_to.scheme}://{led_to.netloc}" == BASE_URL
    assert led_to.path.startswith("/console/")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (email_of("owner"), "four quiet horses graz"),
        ("nobody@acme.example", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("a" * 5000 + "@acme.example", "\ud83d\ude00" * 2000),
        ("<script>alert(1)</script>", PASSWORD),
    ],
)
async def test_tells_nobody_which_of_email_and_password_is_wrong(town, email, password):
    browser = town.browser()

    answer = await browser.post(
        "/sign-in",
        email=email,
        password=password.encode("utf-16", "surrogatepass").decode("utf-16"),
    )

    assert answer.status_code == 403
    assert WRONG in words(answer)
    assert "<script>alert" not in answer.text
    assert browser.cookie is None


async def test_keeps_the_email_and_the_way_on_but_not_the_password(town):
    answer = await enter(town.browser(), password="not the one, sorry", next="/apis")

    assert value_of(answer, "email") == email_of("owner")
    assert value_of(answer, "next") == "/apis"
    assert "not the one" not in answer.text


async def test_says_when_to_try_again_after_many_failures_and_then_lets_in(town, clock):
    browser = town.browser()
    for _ in range(5):
        assert (await enter(browser, password="a wrong password")).status_code == 403
    await enter(browser, password="a wrong password")

    refused = await enter(browser)

    assert refused.status_code == 429
    seconds = int(refused.headers["retry-after"])
    assert f"Try again in {seconds} s" in words(refused)
    clock.travel(seconds + 1)
    assert (await enter(browser)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
async def test_takes_no_sign_in_from_another_site(town, headers):
    browser = town.browser()

    answer = await enter(browser, headers=headers)

    assert answer.status_code == 403
    assert browser.cookie is None


async def test_whoever_is_signed_in_goes_straight_on(owner):
    answer = await owner.get("/sign-in", next="/me")

    assert answer.headers["location"] == "/console/me"


async def test_signing_in_as_somebody_else_ends_the_session_of_before(town, owner):
    before = owner.cookie

    await enter(owner, "stranger")

    assert email_of("stranger") in words(await owner.get("/me"))
    other = town.browser()
    other.http.cookies.set(COOKIE, before, domain=BASE_URL.partition("://")[2], path="/")
    assert (await other.get("/me")).status_code == 303


async def test_signing_out_ends_the_session_and_not_only_the_cookie(town, owner):
    before = owner.cookie

    answer = await owner.post("/sign-out")

    assert owner.cookie is None
    assert "You are signed out." in words(await owner.follow(answer))
    owner.http.cookies.set(COOKIE, before, domain=BASE_URL.partition("://")[2], path="/")
    assert (await owner.get("/me")).status_code == 303


async def test_signs_out_by_a_form_of_the_own_session_alone(owner):
    assert (await owner.post("/sign-out", csrf="")).status_code == 403
    assert (await owner.post("/sign-out", csrf="0" * 64)).status_code == 403
    assert (await owner.get("/sign-out")).status_code == 404
    assert (await owner.get("/me")).status_code == 200


async def test_asks_for_the_code_of_a_second_factor_and_goes_on(town):
    key, _ = await add_app(town, "owner")
    browser = town.browser()

    asked = await enter(browser, next="/me")
    assert (asked.status_code, browser.cookie) == (200, None)
    assert "Your code" in words(asked)
    answer = await browser.post(
        "/sign-in/code",
        ticket=value_of(asked, "ticket"),
        next=value_of(asked, "next"),
        code=code_now(town, key),
    )

    assert answer.headers["location"] == "/console/me"
    assert (await browser.get("/me")).status_code == 200


async def test_a_wrong_code_can_be_typed_again_without_the_password(town):
    key, _ = await add_app(town, "owner")
    browser = town.browser()
    asked = await enter(browser)

    refused = await browser.post("/sign-in/code", ticket=value_of(asked, "ticket"), code="000000")
    assert refused.status_code == 403
    assert "does not fit" in words(refused)
    answer = await browser.post(
        "/sign-in/code", ticket=value_of(refused, "ticket"), code=code_now(town, key)
    )

    assert answer.status_code == 303


async def test_takes_a_recovery_code_once(town):
    _, codes = await add_app(town, "owner")

    async def try_it():
        browser = town.browser()
        asked = await enter(browser)
        return await browser.post("/sign-in/code", ticket=value_of(asked, "ticket"), code=codes[0])

    assert (await try_it()).status_code == 303
    assert (await try_it()).status_code == 403


@pytest.mark.parametrize("ticket", ["", "tbk_made-up", "é", "x" * 10_000])
async def test_a_code_without_a_password_before_it_opens_nothing(town, ticket):
    await add_app(town, "owner")

    answer = await town.browser().post("/sign-in/code", ticket=ticket, code="123456")

    assert answer.status_code == 403
    assert "Sign in again" in words(answer)


async def test_a_ticket_ends_after_ten_minutes(town, clock):
    key, _ = await add_app(town, "owner")
    browser = town.browser()
    asked = await enter(browser)
    clock.travel(sign_in.TICKET_SECONDS)

    answer = await browser.post(
        "/sign-in/code", ticket=value_of(asked, "ticket"), code=code_now(town, key)
    )

    assert answer.status_code == 403


async def test_the_address_of_the_code_alone_leads_to_the_sign_in(town):
    answer = await town.browser().get("/sign-in/code")

    assert answer.headers["location"] == "/console/sign-in"


async def test_neither_password_nor_cookie_nor_ticket_is_logged(log, town):
    key, _ = await add_app(town, "owner")
    browser = town.browser()
    asked = await enter(browser)
    await browser.post("/sign-in/code", ticket=value_of(asked, "ticket"), code=code_now(town, key))

    logged = log()

    assert '"route":"/sign-in"' in logged
    for secret in (PASSWORD, browser.cookie, value_of(asked, "ticket")):
        assert secret not in logged


async def test_a_service_without_single_sign_on_offers_none(town):
    browser = town.browser()

    assert "Sign in with" not in words(await browser.get("/sign-in"))
    for path in ("/sign-in/elsewhere", "/sign-in/elsewhere/back"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "no single sign-on" in words(answer)
