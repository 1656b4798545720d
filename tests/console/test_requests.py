"""Requests for access in the console."""

import pytest

from tests.console.people import value_of, words
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.service.apis import add_scopes

pytestmark = pytest.mark.anyio
ASK = {
    "issuer": "default",
    "api": "orders",
    "client": "acme-app",
    "scope": "orders:read",
    "reason": "We bill by order.",
}


async def _ask(town, client="acme-app"):
    return await request_access(town.booth, client, api="orders", reason=f"{client} bills.")


async def _scopes(town, client="acme-app"):
    registered = await town.store.get_client("default", client)
    return {each.api: each.scopes for each in registered.client.access}


async def test_a_member_asks_and_an_operator_approves(member, operator, town):
    form = words(await member.get("/requests/new", issuer="default", api="orders"))
    assert "orders:read See orders" in form
    assert "acme-app" in form
    assert "globex" not in form
    asked = await member.post("/requests/new", ASK)
    path = asked.headers["location"].removeprefix("/console")
    assert "waiting" in words(await member.follow(asked))

    assert "orders orders:read We bill by order." in words(await operator.get("/requests"))
    page = await operator.get(path)
    assert "We bill by order." in words(page)
    done = await operator.post(
        f"{path}/approve",
        version=value_of(page, "version"),
        scope="orders:read",
        reason="Welcome.",
    )
    assert "Approved. acme-app may have orders:read" in words(await operator.follow(done))

    assert (await _scopes(town))["orders"] == ("orders:read",)
    told = words(await member.get(path))
    assert "approved" in told
    assert "Welcome." in told


async def test_an_operator_approves_less_than_was_asked_for(operator, town):
    await add_scopes(town.booth, "orders", scopes="orders:kill")
    request = await _ask(town)
    assert request.scopes == ("orders:read", "orders:kill")

    await operator.post(
        f"/requests/{request.id}/approve", version=request.version, scope="orders:read"
    )
    assert (await _scopes(town))["orders"] == ("orders:read",)


async def test_an_operator_refuses_with_a_reason_that_the_account_reads(operator, member, town):
    request = await _ask(town)
    path = f"/requests/{request.id}"

    silent = await operator.post(f"{path}/refuse", version=request.version, reason=" ")
    assert silent.status_code == 422
    assert "Say the reason" in words(silent)
    nothing = await operator.post(f"{path}/approve", version=request.version, reason="My words.")
    assert nothing.status_code == 422
    assert "Tick at least one scope" in words(nothing)
    assert "My words." in words(nothing)
    done = await operator.post(f"{path}/refuse", version=request.version, reason="Use persons.")
    assert "Refused" in words(await operator.follow(done))

    assert "Use persons." in words(await member.get(path))
    assert "orders" not in await _scopes(town)


async def test_a_member_withdraws_what_it_asked_for(member, town):
    request = await _ask(town)

    done = await member.post(f"/requests/{request.id}/withdraw")
    page = words(await member.follow(done))
    assert "Withdrawn." in page
    again = await member.post(f"/requests/{request.id}/withdraw")
    assert again.status_code == 409
    assert "was withdrawn already" in words(again)


async def test_of_two_operators_who_decide_one_is_told_of_the_other(operator, town):
    request = await _ask(town)
    path = f"/requests/{request.id}"
    await operator.post(f"{path}/refuse", version=request.version, reason="No.")

    late = await operator.post(f"{path}/approve", version=request.version, scope="orders:read")
    assert late.status_code == 409
    assert "No." in words(late)
    assert "orders" not in await _scopes(town)


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"scope": []}, 422, "at least one scope"),
        ({"scope": ["orders:everything"]}, 422, "There is no scope"),
        ({"reason": ""}, 422, "Say the reason"),
        ({"client": "globex-app"}, 404, "There is no client 'globex-app'"),
    ],
)
async def test_says_what_is_wrong_and_keeps_what_was_typed(member, wrong, status, text):
    answer = await member.post("/requests/new", ASK | wrong)

    assert answer.status_code == status
    assert text in words(answer)
    assert (ASK | wrong)["reason"] in answer.text


async def test_who_has_no_client_is_led_to_make_one(town):
    await town.store.delete_client("default", "acme-app")
    member = await town.sign_in("member")

    page = await member.get("/requests/new", issuer="default", api="orders")
    assert "/console/clients/new?issuer=default&amp;api=orders" in page.text


async def test_an_account_sees_and_touches_its_own_requests_alone(member, town):
    foreign = await _ask(town, "globex-app")
    path = f"/requests/{foreign.id}"

    assert "globex" not in words(await member.get("/requests"))
    assert (await member.get(path)).status_code == 404
    assert (await member.post(f"{path}/withdraw")).status_code == 404
    own = await _ask(town)
    for what in ("approve", "refuse"):
        answer = await member.post(f"/requests/{own.id}/{what}", scope="orders:read", reason="I")
        assert answer.status_code == 403
    reader = await town.sign_in("reader")
    assert (await reader.get(f"/requests/{own.id}")).status_code == 200
    assert (await reader.post(f"/requests/{own.id}/withdraw")).status_code == 403
    assert (await reader.get("/requests/new", issuer="default", api="orders")).status_code == 403


async def test_an_operator_is_led_to_grant_instead_of_asking(operator):
    answer = await operator.get("/requests/new", issuer="default", api="orders")
    assert answer.status_code == 403
    assert "grant access on the client's page" in words(answer)


async def test_takes_no_form_that_was_not_sent_from_here(operator, member, town):
    request = await _ask(town)
    elsewhere = {"Origin": "https://evil.example.com"}
    for browser, path in (
        (member, "/requests/new"),
        (member, f"/requests/{request.id}/withdraw"),
        (operator, f"/requests/{request.id}/approve"),
        (operator, f"/requests/{request.id}/refuse"),
    ):
        assert (await browser.post(path, ASK, csrf="x")).status_code == 403
        assert (await browser.post(path, ASK, headers=elsewhere)).status_code == 403


async def test_what_is_not_there_is_not_found(operator, member):
    assert (await operator.get("/requests/nothing")).status_code == 404
    assert (await operator.post("/requests/nothing/refuse", reason="No.")).status_code == 404
    nowhere = {"issuer": "default", "api": "nothing"}
    assert (await member.get("/requests/new", **nowhere)).status_code == 404
    assert (await member.post("/requests/new", ASK | nowhere)).status_code == 404


async def test_hostile_words_are_escaped(member, operator):
    asked = await member.post("/requests/new", ASK | {"reason": "<script>alert(1)</script>"})

    for browser, path in (
        (member, asked.headers["location"].removeprefix("/console")),
        (operator, "/requests"),
    ):
        page = await browser.get(path)
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text
