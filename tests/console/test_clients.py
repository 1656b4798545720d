"""The list of clients, and the page of one."""

from dataclasses import replace

import pytest

from tests.console.people import value_of, words
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.server.audit_records import RefusedRequest, Usage
from tokenbooth.server.records import ClientPolicy, CredentialUse

pytestmark = pytest.mark.anyio
ACME = "/clients/default/acme-app"
HOSTILE = """<script>alert("1")</script>'"""


async def _client(town, client_id="acme-app", issuer="default"):
    return (await town.store.get_client(issuer, client_id)).client


async def test_operators_see_all_clients_and_members_those_of_their_account(operator, member):
    everybody, own = words(await operator.get("/clients")), words(await member.get("/clients"))

    assert "The app of acme acme-app default acme persons" in everybody
    assert "globex-app" in everybody
    assert "acme-app" in own
    assert "globex" not in own
    assert "Environment Account" not in own


async def test_finds_clients_by_id_name_and_description(operator, town):
    policy = ClientPolicy(description="Runs at night")
    await create_client(town.booth, apis=["persons"], client_id="import", policy=policy)

    for text in ("APP OF acme", "acme-a"):
        page = words(await operator.get("/clients", q=text))
        assert "acme-app" in page
        assert "globex-app" not in page
    assert "import" in words(await operator.get("/clients", q="at night"))
    assert "No client fits" in words(await operator.get("/clients", q="nobody"))


async def test_filters_by_environment_account_and_status(operator, town):
    await town.add_issuer("sandbox")
    await town.add_client("sand", issuer="sandbox", access={})
    await town.change_client("globex-app", enabled=False)

    assert "acme-app" not in words(await operator.get("/clients", issuer="sandbox"))
    assert "sand " in words(await operator.get("/clients", issuer="sandbox"))
    assert "acme-app" not in words(await operator.get("/clients", account="globex"))
    stopped = words(await operator.get("/clients", status="disabled"))
    assert "globex-app" in stopped
    assert "acme-app" not in stopped


async def test_a_member_cannot_filter_by_the_account_of_others(member):
    answer = await member.get("/clients", account="globex")

    assert answer.status_code == 404
    assert "globex-app" not in answer.text


async def test_goes_on_page_by_page(operator, town):
    for number in range(50):
        await create_client(town.booth, apis=["persons"], client_id=f"a{number:02}")

    first = await operator.get("/clients", q="a")
    then = await operator.get("/clients", q="a", after="default a49")

    assert "a49" in first.text
    assert "acme-app" not in first.text
    assert "after=default%20a49&amp;q=a" in first.text
    assert "acme-app" in then.text
    assert "First page" in words(then)


async def test_gives_htmx_the_table_alone(operator):
    answer = await operator.get("/clients", headers={"HX-Request": "true"}, q="acme")

    assert "acme-app" in answer.text
    assert "<html" not in answer.text


async def test_refuses_to_search_for_what_nobody_types(operator):
    assert (await operator.get("/clients", q="x" * 201)).status_code == 422
    assert (await operator.get("/clients", q="a\0b")).status_code == 422


async def test_marks_clients_whose_secrets_need_a_look(operator, town, clock):
    now = clock.now()
    await town.add_client("ending", expires_at=now + 3 * 86_400)
    await town.add_client("ended", expires_at=now - 1)

    page = words(await operator.get("/clients"))
    assert "ending default none persons 1 ends in 3 days" in page
    assert "ended default none persons 1 none valid" in page

    await rotate_secret(town.booth, "globex-app", overlap=86_400)
    assert "being replaced" in words(await operator.get("/clients", q="globex"))

    clock.travel(31 * 86_400)
    browser = await town.sign_in("operator")
    assert "unused for 30 days" in words(await browser.get("/clients", q="acme"))


async def test_an_empty_list_says_what_to_do(town):
    for client_id in ("acme-app", "globex-app"):
        await town.store.delete_client("default", client_id)

    assert "Make the first client" in words(await (await town.sign_in("owner")).get("/clients"))
    reader = words(await (await town.sign_in("reader")).get("/clients"))
    assert "There is no client yet" in reader
    assert "Make the first client" not in reader


async def test_shows_what_a_client_may_call_and_proves_itself_with(member, town):
    secret = await town.add_secret("acme-app")

    answer = await member.get(ACME)
    page = words(answer)

    assert "persons https://persons.example.com persons:read Look people up" in page
    assert "https://auth.example.com/oauth2/token" in page
    assert page.count("valid not used yet") == 2
    assert secret.reveal() not in answer.text


async def test_shows_a_client_that_belongs_to_nobody(operator, town, clock):
    await town.add_client("own", expires_at=clock.now() - 1)

    page = words(await operator.get("/clients/default/own"))

    assert "expired" in page
    assert "Account acme" not in page


async def test_shows_who_uses_a_credential(member, town, clock):
    (credential,) = (await town.store.get_client("default", "acme-app")).credentials
    use = CredentialUse(
        issuer="default",
        client_id="acme-app",
        credential_id=credential.id,
        at=clock.now() - 7200,
        source="192.0.2.17",
        agent="curl/8.5.0 <b>",
        count=3,
    )
    await town.store.record_uses([use])

    assert "2 hours ago 192.0.2.17 curl/8.5.0 <b> 1" in words(await member.get(ACME))
    one = words(await member.get(f"{ACME}/credentials/{credential.id}"))
    assert "192.0.2.17 curl/8.5.0 <b> 3 2 hours ago 2 hours ago" in one


async def test_shows_how_a_client_is_used_and_why_it_was_refused(member, town, clock):
    clock.travel(120)  # what came before the client was made is not its account's to see
    hour = int(clock.now()) // 3600 * 3600
    counts = [
        Usage(hour=hour, issuer="default", client_id="acme-app", outcome=outcome, count=count)
        for outcome, count in (("issued", 12_345), ("wrong_secret", 2))
    ]
    refused = RefusedRequest(
        request_id="0123456789abcdef01234567",
        at=clock.now() - 60,
        endpoint="token",
        status=401,
        error="invalid_client",
        reason="expired_secret",
        issuer="default",
        client_id="acme-app",
        source="192.0.2.99",
    )
    assert "has not asked for a token" in words(await member.get(ACME))
    await town.store.record_activity(usage=counts, refused=[refused])

    answer = await member.get(ACME)

    assert "12,345" in words(answer)
    assert "1 minute ago The secret is right and has expired" in words(answer)
    assert "/console/audit/refusals?id=0123456789abcdef01234567" in answer.text


async def test_the_clients_of_others_are_not_there(stranger, town):
    for method, path in (
        ("get", ACME),
        ("get", f"{ACME}/edit"),
        ("get", f"{ACME}/delete"),
        ("post", f"{ACME}/disable"),
        ("post", f"{ACME}/enable"),
        ("post", f"{ACME}/revoke"),
        ("post", f"{ACME}/delete"),
        ("post", f"{ACME}/edit"),
        ("get", "/clients/nowhere/acme-app"),
        ("get", "/clients/default/nobody"),
    ):
        answer = await getattr(stranger, method)(path)
        assert answer.status_code == 404, path
        assert "The app of acme" not in answer.text
    assert (await _client(town)).enabled


async def test_who_reads_only_sees_no_button_and_changes_nothing(town):
    for who in ("reader", "auditor"):
        reader = await town.sign_in(who)
        page = words(await reader.get(ACME))
        assert "Disable" not in page
        assert "Rotate" not in page
        for path in ("disable", "enable", "revoke", "delete", "edit"):
            assert (await reader.post(f"{ACME}/{path}")).status_code == 403
        assert (await reader.get(f"{ACME}/edit")).status_code == 403
    assert (await _client(town)).enabled


@pytest.mark.parametrize("path", ["disable", "enable", "revoke", "delete", "edit"])
async def test_refuses_forms_of_other_sites_and_sessions(member, town, path):
    for wrong in (
        {"csrf": ""},
        {"csrf": "0" * 64},
        {"headers": {"Origin": "https://evil.example"}},
    ):
        assert (await member.post(f"{ACME}/{path}", **wrong)).status_code == 403
    assert (await _client(town)).enabled


async def test_disables_and_enables(member, town):
    stopped = words(await member.follow(await member.post(f"{ACME}/disable")))
    assert "It is disabled, and its tokens have ended." in stopped
    assert "It is disabled by its account" in stopped
    assert not (await _client(town)).enabled

    running = words(await member.follow(await member.post(f"{ACME}/enable")))
    assert "can fetch new tokens" in running
    assert (await _client(town)).enabled


async def test_what_an_operator_disabled_its_account_cannot_enable(operator, member, town):
    await operator.post(f"{ACME}/disable")

    answer = await member.post(f"{ACME}/enable")

    assert answer.status_code == 403
    assert "An operator disabled this client" in words(answer)
    assert not (await _client(town)).enabled


async def test_ends_the_tokens_of_a_client(member, town):
    secret = await town.add_secret("acme-app")
    await town.registry.refresh()
    token = (await town.token(secret, client_id="acme-app")).json()["access_token"]

    said = words(await member.follow(await member.post(f"{ACME}/revoke")))

    assert "All its tokens have ended." in said
    asked = await town.introspect(secret, token, client_id="acme-app")
    assert asked.json() == {"active": False}


async def test_deletes_a_client_that_is_disabled_and_named(member, town):
    assert "Disable it first" in words(await member.get(f"{ACME}/delete"))
    early = await member.post(f"{ACME}/delete", typed="acme-app")
    assert early.status_code == 409
    await member.post(f"{ACME}/disable")

    wrong = await member.post(f"{ACME}/delete", typed="globex-app")
    assert (wrong.status_code, "Nothing was deleted" in words(wrong)) == (422, True)
    assert await town.store.get_client("default", "acme-app")

    page = words(await member.follow(await member.post(f"{ACME}/delete", typed="acme-app")))
    assert "The app of acme is deleted." in page
    assert await town.store.get_client("default", "acme-app") is None


async def _edited(browser, **changes):
    page = await browser.get(f"{ACME}/edit")
    names = ("version", "name", "description", "token_lifetime")
    return await browser.post(
        f"{ACME}/edit", {name: value_of(page, name) for name in names} | changes
    )


async def test_edits_what_an_account_may_say(member, town):
    answer = await _edited(
        member,
        name="Importer",
        description="At night",
        networks="192.0.2.0/24\n2001:db8::/32",
        networks_observe="yes",
        dpop_bound="yes",
        token_lifetime="600",
        account="globex",
        quota_per_hour="9",
    )

    assert "The client is changed." in words(await member.follow(answer))
    client = await _client(town)
    assert (client.name, client.token_lifetime, client.account) == ("Importer", 600, "acme")
    assert client.policy == ClientPolicy(
        description="At night",
        networks=("192.0.2.0/24", "2001:db8::/32"),
        networks_observe=True,
        dpop_bound=True,
    )


async def test_operators_edit_more(operator, town):
    answer = await _edited(
        operator,
        account="globex",
        token_format="opaque",
        refresh_tokens="no",
        certificate_bound="no",
        quota_per_hour="200",
        quota_observe="yes",
        resource_server_for="persons, orders",
    )

    assert answer.status_code == 303, words(answer)
    client = await _client(town)
    assert (client.account, client.token_format) == ("globex", "opaque")
    assert client.refresh_tokens is False
    assert client.resource_server_for == ("persons", "orders")
    policy = client.policy
    assert (policy.quota_per_hour, policy.quota_observe) == (200, True)
    assert policy.certificate_bound is False


async def test_editing_nothing_changes_nothing(operator, town):
    await town.change_client(
        "acme-app", token_format="opaque", refresh_tokens=False, token_lifetime=60
    )
    before = await _client(town)
    page = await operator.get(f"{ACME}/edit")
    assert '<option value="opaque" selected>' in page.text
    assert '<option value="no" selected>' in page.text

    await _edited(operator, token_format="opaque", refresh_tokens="no", account="acme")

    assert await _client(town) == before


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"networks": "here"}, "A network is written like 192.0.2.0/24"),
        ({"token_lifetime": "long"}, "The lifetime is a number"),
        ({"token_lifetime": "9" * 7}, "The lifetime is a number"),
        ({"token_lifetime": "0"}, "A token lives from 1 second"),
        ({"name": "x" * 201}, "The name is one line"),
        ({"networks_observe": "yes"}, "There are no networks to observe"),
        ({"token_format": "xml"}, "Choose one of the values for token format"),
        ({"refresh_tokens": "maybe"}, "Choose one of the values for refresh tokens"),
    ],
)
async def test_says_what_is_wrong_with_an_edit_and_keeps_what_was_typed(
    operator, town, wrong, text
):
    before = await _client(town)

    answer = await _edited(operator, **({"description": "Kept <b>"} | wrong))

    assert answer.status_code == 422
    assert text in words(answer)
    assert value_of(answer, "description") == "Kept <b>"
    assert await _client(town) == before


async def test_overwrites_nothing_that_somebody_else_changed_meanwhile(member, town):
    page = await member.get(f"{ACME}/edit")
    await town.change_client("acme-app", name="Changed by another")

    fields = {"version": value_of(page, "version"), "name": "Mine"}
    answer = await member.post(f"{ACME}/edit", fields)

    assert answer.status_code == 409
    assert "Somebody else changed it meanwhile" in words(answer)
    assert (await _client(town)).name == "Changed by another"


async def test_shows_hostile_names_as_they_are(operator, town):
    client = await _client(town)
    policy = replace(client.policy, description=HOSTILE)
    await town.change_client("acme-app", name=HOSTILE, policy=policy)

    for path in ("/clients", ACME, f"{ACME}/edit", f"{ACME}/test", f"{ACME}/instructions"):
        answer = await operator.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert(&#34;1&#34;)" in answer.text
