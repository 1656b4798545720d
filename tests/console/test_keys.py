"""Keys in the console."""

import pytest

from tests.console.people import value_of, words
from tokenbooth.management.service.keys import list_keys

pytestmark = pytest.mark.anyio


async def _signing(town):
    return [key for key in await list_keys(town.booth) if key.purpose == "sign"]


async def test_shows_each_key_with_what_it_does(operator, town):
    (key,) = await _signing(town)

    for path in ("/keys", "/keys/default"):
        page = words(await operator.get(path))
        assert key.kid in page
        assert "current" in page
        assert "Signs every new token since" in page


async def test_makes_a_key_that_is_used_later(operator, town):
    (before,) = await _signing(town)
    made = await operator.post("/keys/default/rotate", purpose="sign", when="day", alg="EdDSA")
    page = words(await operator.follow(made))

    old, new = sorted(await _signing(town), key=lambda key: key.activates_at)
    assert (old.kid, old.status) == (before.kid, "current")
    assert (new.alg, new.status) == ("EdDSA", "next")
    assert f"The key {new.kid} is published" in page
    assert "Published already. Signs new tokens from" in page
    assert "in 1 day" in page


async def test_makes_a_sealing_key(operator, town):
    made = await operator.post("/keys/default/rotate", purpose="seal", when="now", alg="ES256")

    assert made.status_code == 303
    sealing = [key for key in await list_keys(town.booth) if key.purpose == "seal"]
    assert len(sealing) == 2
    assert [key.alg for key in await _signing(town)] == ["ES256"]


@pytest.mark.parametrize(
    "wrong", [{"when": "never"}, {"purpose": "fun"}, {"alg": "none"}, {"when": "now' or 1=1"}]
)
async def test_refuses_a_key_that_cannot_be(operator, town, wrong):
    answer = await operator.post("/keys/default/rotate", {"purpose": "sign", "when": "day"} | wrong)

    assert answer.status_code == 422
    assert len(await _signing(town)) == 1


async def test_changes_the_schedule(operator):
    saved = await operator.post("/keys/default/schedule", lifetime_days="30", publish_ahead="720")

    page = words(await operator.follow(saved))
    assert "used for 30 days and published 12 hours before" in page


@pytest.mark.parametrize(
    ("days", "minutes", "text"),
    [
        ("many", "720", "how many days"),
        ("30", "1.5", "how many minutes"),
        ("30", "1", "at least 15 minutes"),
        ("0", "720", "from 1 day"),
    ],
)
async def test_says_what_is_wrong_with_a_schedule(operator, days, minutes, text):
    answer = await operator.post(
        "/keys/default/schedule", lifetime_days=days, publish_ahead=minutes
    )
    assert answer.status_code == 422
    assert text in words(answer)
    assert value_of(answer, "lifetime_days") == days


async def test_removes_a_key_that_is_needed_only_when_told_twice(operator, town):
    (key,) = await _signing(town)
    path = f"/keys/default/{key.kid}/remove"

    assert "may be in wrong hands" in words(await operator.get(path))
    kept = await operator.post(path)
    assert kept.status_code == 409
    assert "tick the box" in words(kept)
    assert [each.kid for each in await _signing(town)] == [key.kid]

    removed = await operator.post(path, force="yes")
    assert f"The key {key.kid} is removed" in words(await operator.follow(removed))
    assert key.kid not in [each.kid for each in await _signing(town)]


@pytest.mark.parametrize("who", ["owner", "member", "reader"])
async def test_people_of_accounts_see_no_keys(town, who):
    browser = await town.sign_in(who)

    assert (await browser.get("/keys")).status_code == 403
    assert (await browser.get("/keys/default")).status_code == 403
    assert "/console/keys" not in (await browser.get("/")).text


async def test_auditors_see_keys_and_touch_none(town):
    auditor = await town.sign_in("auditor")
    (key,) = await _signing(town)

    page = await auditor.get("/keys/default")
    assert page.status_code == 200
    assert "Make a new key" not in words(page)
    for path in ("rotate", "schedule", f"{key.kid}/remove"):
        assert (await auditor.post(f"/keys/default/{path}", force="yes")).status_code == 403


async def test_takes_no_form_that_was_not_sent_from_here(operator, town):
    (key,) = await _signing(town)
    for path in ("rotate", "schedule", f"{key.kid}/remove"):
        full = f"/keys/default/{path}"
        assert (await operator.post(full, csrf="x", force="yes")).status_code == 403
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert (await operator.post(full, headers=elsewhere, force="yes")).status_code == 403


async def test_a_key_that_is_not_there_is_not_found(operator):
    assert (await operator.get("/keys/nowhere")).status_code == 404
    assert (await operator.get("/keys/default/nothing/remove")).status_code == 404
    assert (await operator.post("/keys/default/nothing/remove")).status_code == 404
