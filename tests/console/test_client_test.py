"""The button "Test", and the instructions of a client."""

import json

import pytest

from tests.console.people import value_of, words
from tokenbooth.server.records import ApiAccess

pytestmark = pytest.mark.anyio
ACME = "/clients/default/acme-app"


@pytest.fixture
async def secret(town):
    made = await town.add_secret("acme-app")
    await town.registry.refresh()
    return made.reveal()


async def test_fetches_a_token_and_says_what_is_in_it(member, secret):
    answer = await member.post(f"{ACME}/test", secret=f" {secret}\n", do="test")

    said = words(answer)
    assert answer.status_code == 200
    assert "It works token issued" in said
    assert "Who the client acme-app" in said
    assert "https://persons.example.com the API persons" in said
    assert "persons:read Look people up" in said
    assert "How long for " in said
    assert '"token_type": "Bearer"' in said
    assert secret not in answer.text


async def test_gives_htmx_the_result_alone(member, secret):
    headers = {"HX-Request": "true"}
    answer = await member.post(f"{ACME}/test", secret=secret, do="test", headers=headers)

    assert "It works" in answer.text
    assert "<html" not in answer.text
    assert "data-focus" in answer.text


async def test_says_what_the_service_said_to_a_wrong_secret(member, secret):
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    answer = await member.post(f"{ACME}/test", secret=wrong, do="test")

    said = words(answer)
    assert answer.status_code == 200
    assert "No token refused" in said
    assert "The answer, 401" in said
    assert "/console/audit/refusals?id=" in answer.text
    assert wrong not in answer.text


async def test_previews_a_token_without_a_secret(member, town):
    answer = await member.post(f"{ACME}/test", do="preview")

    said = words(answer)
    assert "A token would say preview, nothing was issued" in said
    assert "Who the client acme-app" in said
    assert '"sub": "acme-app"' in said
    await town.change_client("acme-app", enabled=False)
    assert "The client is disabled: enable it first." in words(
        await member.post(f"{ACME}/test", do="preview")
    )


async def test_says_what_cannot_be_tested(member, town):
    empty = await member.post(f"{ACME}/test", secret="", do="test")
    assert empty.status_code == 422
    assert "Paste the whole secret" in words(empty)
    await town.change_client("acme-app", access=())
    nothing = await member.post(f"{ACME}/test", do="preview")
    assert nothing.status_code == 422
    assert "may call no API yet" in words(nothing)


async def test_tests_one_of_several_apis(member, town, secret):
    both = tuple(ApiAccess(api=api, scopes=(f"{api}:read",)) for api in ("persons", "orders"))
    await town.change_client("acme-app", access=both)

    page = await member.get(f"{ACME}/test", api="orders")
    answer = await member.post(f"{ACME}/test", secret=secret, api="orders", do="test")

    assert "<option selected>orders" in page.text
    assert "https://orders.example.com the API orders" in words(answer)
    strange = await member.post(f"{ACME}/test", secret=secret, api="nothing", do="test")
    assert strange.status_code == 404


async def test_instructs_for_exactly_this_client_and_service(member):
    said = words(await member.get(f"{ACME}/instructions"))

    assert "https://auth.example.com/oauth2/token" in said
    assert "Client id acme-app" in said
    for tab in ("cURL", "Python", "JavaScript", "Go", "Postman", ".http", ".env", "Kubernetes"):
        assert f" {tab} " in said
    assert "curl -sS -u acme-app" in said


async def test_instructs_for_the_chosen_api(member, town):
    both = tuple(ApiAccess(api=api, scopes=(f"{api}:read",)) for api in ("persons", "orders"))
    await town.change_client("acme-app", access=both)

    said = words(await member.get(f"{ACME}/instructions", api="orders"))

    assert "Get a token, call orders" in said
    assert "orders:read" in said
    assert (await member.get(f"{ACME}/instructions", api="nothing")).status_code == 404


async def test_downloads_the_postman_collection_without_any_secret(member):
    page = await member.get(f"{ACME}/instructions")
    assert "/console/clients/default/acme-app/instructions/postman?api=persons" in page.text

    answer = await member.get(f"{ACME}/instructions/postman")

    assert answer.headers["content-type"].startswith("application/json")
    assert "attachment" in answer.headers["content-disposition"]
    assert json.loads(answer.text)["info"]["schema"].endswith("v2.1.0/collection.json")
    assert "tbs_" not in answer.text


async def test_downloads_an_env_file_with_the_secret_that_was_just_made(member):
    once = value_of(await member.get(f"{ACME}/credentials/new"), "once")
    page = await member.post(f"{ACME}/credentials/new", once=once, kind="secret")
    secret = value_of(page, "secret")
    assert secret.startswith("tbs_")

    answer = await member.post(f"{ACME}/instructions/env", secret=secret)
    later = await member.get(f"{ACME}/instructions/env")

    assert answer.headers["content-disposition"] == 'attachment; filename="acme-app.env"'
    assert answer.headers["cache-control"] == "no-store"
    assert f"CLIENT_SECRET={secret}\n" in answer.text
    assert "CLIENT_ID=acme-app\n" in later.text
    assert "CLIENT_SECRET=\n" in later.text


async def test_puts_nothing_into_a_file_that_is_no_secret(member):
    for wrong in ("a\nEVIL=1", "x" * 4097):
        answer = await member.post(f"{ACME}/instructions/env", secret=wrong)
        assert answer.status_code == 422
    assert (await member.get(f"{ACME}/instructions/cobol")).status_code == 404


async def test_the_instructions_and_tests_of_others_are_not_there(stranger, member, town, secret):
    for path in ("instructions", "instructions/env", "test"):
        assert (await stranger.get(f"{ACME}/{path}")).status_code == 404
    for path in ("instructions/env", "test"):
        assert (await stranger.post(f"{ACME}/{path}", secret=secret)).status_code == 404
        assert (await member.post(f"{ACME}/{path}", csrf="0" * 64)).status_code == 403
        evil = {"Origin": "https://evil.example"}
        assert (await member.post(f"{ACME}/{path}", headers=evil)).status_code == 403
    reader = await town.sign_in("reader")
    assert (await reader.get(f"{ACME}/instructions")).status_code == 200
