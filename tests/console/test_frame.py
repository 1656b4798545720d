"""What happens around every page."""

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
