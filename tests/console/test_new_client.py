"""Making a client in the console, and what it may call."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.console.people import secret_in, value_of, words
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import Api, ApiAccess, ApiScope

pytestmark = pytest.mark.anyio
NEW = "/clients/new"
ACME = "/clients/default/acme-app"
READ = "persons persons:read"
ORDERS = "orders orders:read"


async def _client(town, client_id, issuer="default"):
    return await town.store.get_client(issuer, client_id)


async def _made(browser, **fields):
    once = value_of(await browser.get(NEW), "once")
    return await browser.post(
        NEW, {"once": once, "client_id": "new-app", "kind": "secret"} | fields
    )


async def test_makes_a_client_and_shows_its_secret_with_ready_code(member, town, clock):
    page = await _made(
        member, name="New app", description="Mine", access=READ, label="Oslo", valid_days="90"
    )

    assert page.status_code == 200
    secret = secret_in(page)
    said = words(page)
    assert "New app is there" in said
    assert "Copy the secret now" in said
    assert "Download .env" in said
    assert "grant_type=client_credentials" in said
    made = await _client(town, "new-app")
    assert (made.client.name, made.client.account) == ("New app", "acme")
    assert made.client.policy.description == "Mine"
    assert made.client.access == (ApiAccess(api="persons", scopes=("persons:read",)),)
    (credential,) = made.credentials
    assert (credential.label, credential.expires_at) == ("Oslo", clock.now() + 90 * 86_400)
    token = await town.token(Secret(secret), client_id="new-app")
    assert token.json()["scope"] == "persons:read"


async def test_makes_up_an_id_where_none_is_chosen(member, town):
    page = await _made(member, client_id="", access=READ)

    (client_id,) = [
        each.client.client_id
        for each in await town.store.list_clients(account="acme")
        if each.client.client_id != "acme-app"
    ]
    assert f"Client id {client_id}" in words(page)


async def test_a_form_that_is_sent_again_makes_no_second_client(member, town):
    once = value_of(await member.get(NEW), "once")
    fields = {"once": once, "kind": "secret", "access": READ}
    await member.post(NEW, fields)

    again = await member.post(NEW, fields)

    assert again.status_code == 409
    assert len(await town.store.list_clients(account="acme")) == 2


async def test_asks_an_operator_for_what_is_not_self_service(member, town):
    page = await _made(member, access=[READ, ORDERS], reason="We ship at night.")

    assert "orders was asked for: an operator decides." in words(page)
    made = (await _client(town, "new-app")).client
    assert [each.api for each in made.access] == ["persons"]
    (asked,) = await town.store.list_access_requests(account="acme")
    assert (asked.client_id, asked.api, asked.scopes) == ("new-app", "orders", ("orders:read",))
    assert asked.reason == "We ship at night."
    show = words(await member.get("/clients/default/new-app"))
    assert "asked for orders (orders:read)" in show


async def test_tells_what_could_not_be_asked_for_and_shows_the_secret_all_the_same(member):
    page = await _made(member, access=[READ, "orders orders:burn"], reason="We ship at night.")

    assert secret_in(page)
    assert "orders could not be asked for: There is no scope 'orders:burn'" in words(page)


async def test_an_account_has_to_say_why_before_anything_is_made(member, town):
    page = await _made(member, name="Kept", access=[READ, ORDERS])

    assert page.status_code == 422
    assert "Say why the client needs orders" in words(page)
    assert value_of(page, "name") == "Kept"
    assert f'value="{ORDERS}" checked' in page.text
    assert await _client(town, "new-app") is None


async def test_a_client_may_begin_without_any_api_or_credential(member, town):
    page = await member.follow(await _made(member, kind="none"))

    assert "It may call no API yet: press Change" in words(page)
    assert "It has nothing to prove itself with: add a secret or a key." in words(page)
    made = await _client(town, "new-app")
    assert (made.client.access, made.credentials) == ((), ())
    instructions = words(await member.get("/clients/default/new-app/instructions"))
    assert "may call no API yet" in instructions


async def test_a_secret_without_any_api_is_shown_all_the_same(member):
    page = await _made(member)

    assert secret_in(page)
    assert "may call no API yet" in words(page)


async def test_makes_a_client_with_a_public_key(member, town):
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    page = await member.follow(await _made(member, kind="key", key=text, access=READ))

    assert "new-app is there." in words(page)
    made = await _client(town, "new-app")
    assert made.client.auth_methods == ("private_key_jwt",)
    (credential,) = made.credentials
    assert json.loads(credential.data)


async def test_never_shows_a_private_key_again(member, town):
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    page = await _made(member, kind="key", key=pem, access=READ)

    assert page.status_code == 422
    assert "That is a private key" in words(page)
    assert "BEGIN PRIVATE" not in page.text
    assert await _client(town, "new-app") is None


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"client_id": "has space"}, 422, "is no client id"),
        ({"client_id": "acme-app"}, 409, "has a client 'acme-app' already"),
        ({"client_id": "globex"}, 409, "The id 'globex' is taken"),
        ({"name": "x" * 201}, 422, "The name is one line"),
        ({"description": "x" * 201}, 422, "The description is one line"),
        ({"valid_days": "-1"}, 422, "The validity is a number of days"),
        ({"kind": "spell"}, 422, "Choose what the client proves itself with"),
        ({"kind": "key", "key": "x"}, 422, "Give a JWK, a JWKS or a PEM key"),
        ({"access": "nothing nothing:read"}, 404, "There is no API 'nothing'"),
        ({"access": "persons persons:burn"}, 422, "There is no scope 'persons:burn'"),
        ({"issuer": "nowhere"}, 404, "There is no issuer 'nowhere'"),
        ({"account": "globex"}, 404, "There is no account 'globex'"),
        ({"once": ""}, 422, "load the page again"),
    ],
)
async def test_says_what_is_wrong_and_keeps_what_was_typed(member, town, wrong, status, text):
    fields = {"label": "Kept <i>", "access": READ} | wrong

    page = await _made(member, **fields)

    assert page.status_code == status
    assert text in words(page)
    assert value_of(page, "label") == "Kept <i>"
    assert "<i>" not in page.text
    assert len(await town.store.list_clients()) == 2


async def test_gives_each_api_its_own_scopes_where_names_are_shared(operator, town, clock):
    for name in ("one", "two"):
        await town.store.add_api(
            Api(
                issuer="default",
                name=name,
                audience=f"https://{name}.example.com",
                scopes=(ApiScope(name="read"), ApiScope(name="write")),
                created_at=clock.now(),
            )
        )

    await _made(operator, access=["one read", "two read", "two write"], account="globex")

    made = (await _client(town, "new-app")).client
    assert made.account == "globex"
    assert made.access == (
        ApiAccess(api="one", scopes=("read",)),
        ApiAccess(api="two", scopes=("read", "write")),
    )


async def test_offers_the_apis_of_the_chosen_environment(operator, town):
    await town.add_issuer("sandbox")
    await town.add_api("sand", "https://sand.example.com", "sand:dig", issuer="sandbox")

    fields = {"issuer": "sandbox", "name": "Kept"}
    plain = await operator.post(NEW, fields, only="picker")
    by_htmx = await operator.post(NEW, fields, headers={"HX-Request": "true"})

    assert "sand:dig" in plain.text
    assert "persons:read" not in plain.text
    assert value_of(plain, "name") == "Kept"
    assert "sand:dig" in by_htmx.text
    assert "<html" not in by_htmx.text
    assert len(await town.store.list_clients()) == 2
    await _made(operator, issuer="sandbox", access="sand sand:dig")
    assert await _client(town, "new-app", "sandbox")


async def test_an_address_names_the_api_that_comes_first_and_gives_nothing_of_it(member):
    page = await member.get(NEW, api="orders", issuer="default")
    wrong = await member.post(NEW, wanted=value_of(page, "wanted"))

    for shown in (page, wrong):
        assert shown.text.index(ORDERS) < shown.text.index(READ)
        assert " checked> <span><code>" not in shown.text
    assert (await member.get(NEW, api="nothing")).status_code == 200


async def test_makes_nothing_for_who_may_not_or_did_not_ask(member, town):
    for who in ("reader", "auditor"):
        reader = await town.sign_in(who)
        assert (await reader.get(NEW)).status_code == 403
        assert (await reader.post(NEW, kind="secret", once="a" * 22)).status_code == 403
    assert (await member.post(NEW, csrf="0" * 64, once="a" * 22)).status_code == 403
    evil = {"Origin": "https://evil.example"}
    assert (await member.post(NEW, once="a" * 22, headers=evil)).status_code == 403
    assert len(await town.store.list_clients()) == 2


async def _changed(browser, *boxes, **fields):
    page = await browser.get(f"{ACME}/access")
    version = value_of(page, "version")
    return await browser.post(f"{ACME}/access", {"version": version, "access": boxes} | fields)


async def _access(town):
    return {each.api: each.scopes for each in (await _client(town, "acme-app")).client.access}


async def test_gives_and_takes_self_service_scopes(member, town):
    page = await member.get(f"{ACME}/access")
    assert f'value="{READ}" checked' in page.text

    said = words(await member.follow(await _changed(member, "persons persons:write")))
    assert "persons was given." in said
    assert await _access(town) == {"persons": ("persons:write",)}

    said = words(await member.follow(await _changed(member)))
    assert "persons was taken away." in said
    assert await _access(town) == {}
    assert "Nothing was changed." in words(await member.follow(await _changed(member)))


async def test_asks_for_more_with_a_reason(member, operator, town):
    silent = await _changed(member, READ, ORDERS)
    assert silent.status_code == 422
    assert f'value="{ORDERS}" checked' in silent.text

    said = words(await member.follow(await _changed(member, READ, ORDERS, reason="We ship.")))
    assert "orders was asked for: an operator decides." in said
    assert await _access(town) == {"persons": ("persons:read",)}
    again = await _changed(member, READ, ORDERS, reason="We ship.")
    assert again.status_code == 409
    assert "This was asked for already" in words(again)

    await _changed(operator, READ, ORDERS)
    assert await _access(town) == {"persons": ("persons:read",), "orders": ("orders:read",)}
    # What it has stays, and less of it needs nobody.
    assert "Nothing was changed." in words(
        await member.follow(await _changed(member, READ, ORDERS))
    )


async def test_shows_the_api_first_that_an_address_names(member):
    page = (await member.get(f"{ACME}/access", api="orders")).text

    assert page.index("orders:read") < page.index("persons:read")


async def test_changes_no_access_that_somebody_else_changed_meanwhile(member, town):
    page = await member.get(f"{ACME}/access")
    await town.change_client("acme-app", name="Changed by another")

    version = value_of(page, "version")
    answer = await member.post(f"{ACME}/access", version=version, access="persons persons:write")

    assert answer.status_code == 409
    assert await _access(town) == {"persons": ("persons:read",)}


async def test_the_access_of_others_is_not_there(stranger, town):
    reader = await town.sign_in("reader")

    assert (await stranger.get(f"{ACME}/access")).status_code == 404
    assert (await stranger.post(f"{ACME}/access")).status_code == 404
    assert (await reader.post(f"{ACME}/access")).status_code == 403
    assert (await stranger.post(f"{ACME}/access", csrf="0" * 64)).status_code == 403
    assert await _access(town) == {"persons": ("persons:read",)}


async def test_an_id_that_is_taken_tells_nobody_how_other_customers_are_called(member):
    told = {
        words(await _made(member, client_id=name, access=READ)).replace(f"'{name}'", "…")
        for name in ("globex", "globex-app")
    }

    assert len(told) == 1
    assert "The id … is taken" in told.pop()
