"""What happens around every page."""

import re
from pathlib import Path

import pytest

from tests.console.people import words


async def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(town):
    answer = await town.browser().get("/", q="a b")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2F%3Fq%3Da%2Bb"


@pytest.mark.parametrize("who", ["operator", "auditor", "owner", "member", "reader", "stranger"])
async def test_everybody_signed_in_sees_the_overview_with_the_own_name(town, who):
    browser = await town.sign_in(who)

    answer = await browser.get("/")

    assert answer.status_code == 200
    assert f"{who}@" in words(answer)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_piece_of_a_page_sends_who_is_signed_out_to_the_sign_in_as_a_whole(town):
    answer = await town.browser().get("/clients", headers={"HX-Request": "true"}, q="a")

    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/console/sign-in?next=%2Fclients%3Fq%3Da"


async def test_a_form_sent_after_the_session_ended_leads_to_the_sign_in(town):
    answer = await town.browser().post("/accounts/new", name="initech")

    assert answer.headers["location"] == "/console/sign-in"


async def test_an_address_without_a_page_says_so_to_everybody(town, owner):
    for browser in (town.browser(), owner):
        for answer in (
            await browser.get("/no-such-page"),
            await browser.post("/no-such-page"),
            await browser.http.request("PUT", "/console/me"),
            await browser.http.request("DELETE", "/console/%00"),
        ):
            assert answer.status_code == 404
            assert "There is no page at this address." in words(answer)
            assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"email=%ff", {}, 400),
        (b"email=%00", {}, 400),
        (b"a=1&" * 600, {}, 400),
        (b"x" * 70_000, {}, 413),
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b"a", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(town, body, headers, status):
    sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers

    answer = await town.browser().http.post("/console/sign-in", content=body, headers=sent)

    assert answer.status_code == status


@pytest.fixture
def lose_database(settings):
    """Removes the file under the running service."""
    return Path(settings.database.removeprefix("sqlite:///")).unlink


async def test_pages_say_when_the_database_is_away(town, owner, lose_database):
    lose_database()
    town.clock.travel(61)  # the session is noted as seen once a minute

    answers = [
        await owner.get("/me"),
        await town.browser().post("/sign-in", email="a@b.example", password="whatever it is"),
    ]

    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "The service cannot reach its database." in words(answer)


async def test_a_role_without_the_right_is_told_which_one(member):
    answer = await member.get("/accounts/new")

    assert answer.status_code == 403
    assert "accounts:write" in words(answer)


async def test_the_console_is_reached_with_and_without_a_slash_at_its_end(town):
    answer = await town.browser().get("")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


async def test_styles_and_scripts_are_kept_for_good_under_an_address_that_changes_with_them(town):
    page = await town.browser().get("/sign-in")

    for path in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page.text):
        answer = await town.http.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await town.http.get("/console/static/x/none.css")).status_code == 404
    assert (await town.http.get("/console/static/x/../frame.py")).status_code == 404


@pytest.mark.parametrize("path", ["/audit?text=%00", "/clients?q=a%00b", "/apis/default/%00"])
async def test_refuses_an_address_with_a_null_byte(town, path):
    operator = await town.sign_in("operator")

    assert (await operator.get(path)).status_code == 422
