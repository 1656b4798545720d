"""Accounts at the console."""

import pytest

from tests.console.people import email_of, value_of, words
from tokenbooth.management.people.invitations import invite
from tokenbooth.server.people_records import AccessRequest
from tokenbooth.server.records import Account


async def stored(town, name):
    return next((each for each in await town.store.list_accounts() if each.name == name), None)


async def test_an_operator_sees_all_accounts_with_what_they_have(operator):
    shown = words(await operator.get("/accounts"))

    assert "acme Acme Ltd 1 3" in shown
    assert "globex Globex Corporation 1 1" in shown


async def test_finds_accounts_by_name_and_title(operator):
    found = words(await operator.get("/accounts", q="CORPORATION"))
    nothing = words(await operator.get("/accounts", q="<b>x"))

    assert "Globex Corporation" in found
    assert "Acme" not in found
    assert "No account has that" in nothing


async def test_shows_many_accounts_page_by_page(town, operator):
    for number in range(60):
        account = Account(name=f"customer-{number:02}", created_at=town.clock.now())
        await town.store.add_account(account)

    first = await operator.get("/accounts")
    assert "customer-48" in words(first)
    assert "customer-49" not in words(first)
    second = await operator.get("/accounts", after="customer-48")

    assert "Next page" in words(first)
    assert "customer-59" in words(second)
    assert "globex" in words(second)
    assert "Next page" not in words(second)


async def test_a_page_reads_the_accounts_once_however_many_it_shows(town, operator, monkeypatch):
    asked, list_accounts = [], town.store.list_accounts

    async def counted():
        asked.append("all")
        return await list_accounts()

    monkeypatch.setattr(town.store, "list_accounts", counted)

    assert "globex" in words(await operator.get("/accounts"))
    assert asked == ["all"]


@pytest.mark.parametrize("who", ["owner", "member", "reader"])
async def test_people_of_an_account_are_led_to_their_own(town, who):
    browser = await town.sign_in(who)

    shown = await browser.follow(await browser.get("/accounts"))

    assert "Acme Ltd" in words(shown)
    assert email_of("owner") in words(shown)
    assert "acme-app" in words(shown)
    assert "globex" not in shown.text
    assert 'name="title"' not in shown.text


@pytest.mark.parametrize("who", ["owner", "member", "reader"])
async def test_the_account_of_others_is_not_there(town, who):
    browser = await town.sign_in(who)

    answer = await browser.get("/accounts/globex")

    assert answer.status_code == 404
    assert "Globex" not in words(answer)


async def test_makes_an_account_and_says_what_to_do_next(town, operator):
    answer = await operator.post("/accounts/new", name="initech", title="Initech <b>Inc</b>")

    shown = await operator.follow(answer)
    assert "Invite its owner now." in words(shown)
    assert "Initech <b>Inc</b>" in words(shown)
    assert "<b>Inc" not in shown.text
    assert (await stored(town, "initech")).title == "Initech <b>Inc</b>"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "Initech"}, 422),
        ({"name": ""}, 422),
        ({"name": "../x"}, 422),
        ({"name": "initech", "title": "t" * 201}, 422),
        ({"name": "acme"}, 409),
        ({"name": "acme-app"}, 409),
    ],
)
async def test_says_what_is_wrong_with_a_new_account_and_keeps_it(operator, fields, status):
    answer = await operator.post("/accounts/new", fields)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert value_of(answer, "name") == fields["name"]


async def test_changes_the_title_unless_somebody_else_did_meanwhile(town, operator):
    version = value_of(await operator.get("/accounts/acme"), "version")

    first = await operator.post("/accounts/acme", version=version, title="Acme Incorporated")
    assert "The title is changed." in words(await operator.follow(first))
    second = await operator.post("/accounts/acme", version=version, title="Acme Mine")

    assert second.status_code == 409
    assert "Somebody else changed it meanwhile" in words(second)
    assert value_of(second, "title") == "Acme Mine"
    assert (await stored(town, "acme")).title == "Acme Incorporated"


async def test_an_account_goes_when_it_is_empty(town, operator):
    refused = await operator.post("/accounts/acme/delete")
    assert refused.status_code == 409
    assert "still has 1 client and 3 members" in words(refused)
    await operator.post("/accounts/new", name="initech")

    answer = await operator.post("/accounts/initech/delete")

    assert "The account initech is deleted." in words(await operator.follow(answer))
    assert await stored(town, "initech") is None
    assert await stored(town, "acme") is not None


@pytest.mark.parametrize("who", ["owner", "member", "reader", "auditor", "stranger"])
async def test_operators_alone_make_change_and_delete(town, who):
    browser = await town.sign_in(who)

    answers = [
        await browser.get("/accounts/new"),
        await browser.post("/accounts/new", name="initech"),
        await browser.post("/accounts/acme", title="Mine"),
        await browser.post("/accounts/acme/delete"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert await stored(town, "initech") is None
    assert (await stored(town, "acme")).title == "Acme Ltd"


async def test_takes_forms_of_its_own_pages_and_session_alone(town, operator):
    for path in ("/accounts/new", "/accounts/acme", "/accounts/acme/delete"):
        form = {"name": "initech", "title": "Mine"}
        assert (await operator.post(path, form, csrf="")).status_code == 403
        assert (await operator.post(path, form, csrf="0" * 64)).status_code == 403
        evil = {"Origin": "https://evil.example"}
        assert (await operator.post(path, form, headers=evil)).status_code == 403
    assert (await stored(town, "acme")).title == "Acme Ltd"


async def test_without_any_account_it_says_what_one_is(town, operator):
    for name in ("acme", "globex"):
        for client in await town.store.list_clients(account=name, limit=10):
            await town.store.delete_client("default", client.client.client_id)
        for member in await town.store.list_members(name):
            await town.store.delete_member(member.id)
        await town.store.delete_account(name)

    assert "Make the first account" in words(await operator.get("/accounts"))


async def test_shows_what_the_account_asked_for_and_who_is_invited(town, operator):
    await town.store.add_access_request(
        AccessRequest(
            id="r1",
            issuer="default",
            client_id="acme-app",
            account="acme",
            api="orders",
            scopes=("orders:read",),
            reason="We <b>need</b> it",
            requested_by="member:owner@acme.example",
            requested_at=town.clock.now(),
        )
    )
    await invite(town.booth, email="new@acme.example", role="member", account="acme")

    shown = await operator.get("/accounts/acme")

    assert 'href="/console/requests/r1"' in shown.text
    assert "We <b>need</b> it" in words(shown)
    assert "new@acme.example member never invited" in words(shown)
    assert "orders:read" not in (await operator.get("/accounts/globex")).text
