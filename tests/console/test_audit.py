"""The audit trail in the console."""

import json

import pytest

from tests.console.people import words
from tokenbooth.management.service.api_changes import change_api
from tokenbooth.server.audit import TYPES

pytestmark = pytest.mark.anyio


async def _busy(town):
    """Something happens, to the service, to acme and to globex."""
    await change_api(town.booth, "orders", self_service=True)
    for account in ("acme", "globex"):
        await town.booth.store.add_events(
            [
                town.booth.event(
                    "client_disabled",
                    account=account,
                    issuer="default",
                    client_id=f"{account}-app",
                    reason=f"{account} asked for it",
                )
            ]
        )


async def test_shows_what_happened_in_words_with_the_newest_first(operator, town):
    await _busy(town)

    page = words(await operator.get("/audit"))
    disabled = TYPES["client_disabled"]
    assert page.index("globex asked for it") < page.index("acme asked for it")
    assert page.index(f"{disabled} client globex-app") < page.index("An API was changed orders")


@pytest.mark.parametrize(
    ("asked", "there", "not_there"),
    [
        ({"text": "globex"}, "globex-app", "acme-app"),
        ({"type": "api_changed"}, "An API was changed orders", "acme-app"),
        ({"type": "client_"}, "acme-app", "An API was changed orders"),
        ({"client": "acme-app"}, "acme-app", "globex-app"),
        ({"account": "acme"}, "acme-app", "globex-app"),
        ({"actor": "service"}, "acme-app", "member: operator@"),
        ({"since": "2001-01-01T00:00"}, "acme-app", "Nothing matches"),
        ({"until": "2001-01-01T00:00"}, "Nothing matches", "acme-app"),
    ],
)
async def test_finds_what_is_asked_for(operator, town, asked, there, not_there):
    await _busy(town)

    page = words(await operator.get("/audit", headers={"HX-Request": "true"}, **asked))
    assert there in page
    assert not_there not in page


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"since": "1970-01-01T25:00"},
        {"until": "99999"},
        {"type": "nonsense"},
        {"before": "x"},
    ],
)
async def test_says_what_is_wrong_with_a_question(operator, asked):
    answer = await operator.get("/audit", **asked)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_shows_older_entries_on_further_pages(operator, town):
    for number in range(60):
        await town.booth.store.add_events([town.booth.event("key_rotated", subject=f"k{number}.")])

    first = await operator.get("/audit", type="key_rotated")
    assert "k59." in words(first)
    assert "k9." not in words(first)
    link = first.text.partition(">Older<")[0].rpartition('href="')[2].rstrip('"')
    second = await operator.get(link.replace("&amp;", "&").removeprefix("/console"))
    assert "k9." in words(second)
    assert "k59." not in words(second)
    assert ">Older<" not in second.text
    assert ">Newest<" in second.text


async def test_shows_an_entry_with_what_changed(operator, town):
    await change_api(town.booth, "orders", audience="https://new.example.com")
    head = await town.booth.store.audit_head()

    page = words(await operator.get(f"/audit/{head.seq}"))
    assert "audience https://orders.example.com https://new.example.com" in page
    assert head.hash in page


async def test_exports_what_matches_as_lines_of_json(operator, town):
    await _busy(town)

    answer = await operator.get("/audit/export", type="client_disabled")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["client_id"] for line in lines] == ["globex-app", "acme-app"]
    assert all(len(line["hash"]) == 64 for line in lines)


async def test_what_is_exported_follows_what_is_searched_for(operator, town):
    await _busy(town)

    found = await operator.get("/audit", headers={"HX-Request": "true"}, text="a&b", type="client_")
    assert "/audit/export" not in found.text  # nothing matches
    found = await operator.get("/audit", headers={"HX-Request": "true"}, text="acme")
    assert 'href="/console/audit/export?text=acme"' in found.text


async def test_going_back_to_a_search_gives_the_whole_page(operator, town):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    page = await operator.get("/audit", headers=headers, text="acme")
    assert "<!doctype html>" in page.text


async def test_exports_more_than_one_page_at_a_time(operator, town):
    events = [town.booth.event("key_rotated", subject=f"k{number}") for number in range(1100)]
    await town.booth.store.add_events(events)

    answer = await operator.get("/audit/export", type="key_rotated")
    subjects = [json.loads(line)["subject"] for line in answer.text.splitlines()]
    assert subjects == [f"k{number}" for number in reversed(range(1100))]


async def test_verifies_the_trail_and_finds_an_entry_that_was_changed(operator, town):
    await _busy(town)
    head = await town.booth.store.audit_head()

    good = words(await operator.post("/audit/verify"))
    assert f"Verified: {head.seq} entries, up to number {head.seq}" in good
    noted = words(await operator.post("/audit/verify", noted=f"{head.seq}:{head.hash}"))
    assert f"up to number {head.seq}" in noted
    wrong = await operator.post("/audit/verify", noted="7:seven")
    assert wrong.status_code == 422
    missing = words(await operator.post("/audit/verify", noted=f"999:{head.hash}"))
    assert "entry 999 is missing" in missing


async def test_people_of_an_account_see_what_is_theirs_alone(town):
    await _busy(town)
    head = await town.booth.store.audit_head()
    for who in ("owner", "member", "reader"):
        browser = await town.sign_in(who)
        page = words(await browser.get("/audit"))
        assert "acme-app" in page
        assert "globex" not in page
        assert "An API was changed orders" not in page
        assert "Is the trail whole?" not in page

        assert "globex" not in words(await browser.get("/audit", account="globex"))
        export = await browser.get("/audit/export")
        assert {json.loads(line)["account"] for line in export.text.splitlines()} == {"acme"}
        assert (await browser.get(f"/audit/{head.seq}")).status_code == 404  # globex's
        assert (await browser.post("/audit/verify")).status_code == 403


async def test_an_entry_that_is_not_there_is_not_found(operator):
    assert (await operator.get("/audit/99999")).status_code == 404
    assert (await operator.get("/audit/0")).status_code == 404
    assert (await operator.get(f"/audit/{10**30}")).status_code == 404
    assert (await operator.get("/audit/x")).status_code == 404


async def test_takes_no_form_that_was_not_sent_from_here(operator):
    assert (await operator.post("/audit/verify", csrf="x")).status_code == 403
    elsewhere = {"Origin": "https://evil.example.com"}
    assert (await operator.post("/audit/verify", headers=elsewhere)).status_code == 403


async def test_hostile_text_is_escaped(operator, town):
    evil = "<img src=x onerror=alert(1)>"
    event = town.booth.event("client_changed", subject=evil, reason=evil, changes={evil: [evil, 1]})
    await town.booth.store.add_events([event])
    head = await town.booth.store.audit_head()

    for path in ("/audit", f"/audit/{head.seq}"):
        page = await operator.get(path, **({"text": evil} if path == "/audit" else {}))
        assert "<img src=x" not in page.text
        assert "&lt;img src=x" in page.text


async def test_tells_times_of_an_entry_as_times(operator, town):
    at = town.clock.now()
    event = town.booth.event("credential_changed", changes={"expires_at": [None, at]}, made_at=at)
    await town.booth.store.add_events([event])
    head = await town.booth.store.audit_head()

    page = words(await operator.get(f"/audit/{head.seq}"))
    assert "Made at 2027-01-15 08:00 UTC" in page
    assert "expires at 2027-01-15 08:00 UTC" in page
