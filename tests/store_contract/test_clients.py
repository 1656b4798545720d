import pytest

from tests.store_contract.samples import NOW, account, api, client, credential, use
from tokenbooth.server.records import ApiAccess, ClientPolicy, RegisteredClient
from tokenbooth.server.stores.contract import AlreadyExists, NotFound


async def test_returns_a_client_with_its_credentials_oldest_first(filled):
    newer = credential("a", created_at=NOW + 1)
    older = credential("b", created_at=NOW)
    await filled.add_client(client(), [newer, older])

    found = await filled.get_client("default", "ada")

    assert found == RegisteredClient(client=client(), credentials=(older, newer))


async def test_returns_none_for_an_unknown_client(filled):
    await filled.add_client(client())

    assert await filled.get_client("sandbox", "ada") is None
    assert await filled.get_client("default", "Ada") is None


async def test_keeps_the_order_of_apis(filled):
    names = ["zoo", "animals", "plants"]
    for name in names:
        await filled.add_api(api(name))
    ordered = client(
        access=tuple(ApiAccess(api=name, scopes=("write", "read")) for name in names),
        resource_server_for=("plants", "animals"),
    )

    await filled.add_client(ordered)

    assert (await filled.get_client("default", "ada")).client == ordered


async def test_finds_a_client_id_at_every_issuer(filled):
    for issuer in ("sandbox", "default"):
        await filled.add_client(client(issuer=issuer))
    await filled.add_client(client("bob"))

    found = await filled.find_clients("ada")

    assert [each.client.issuer for each in found] == ["default", "sandbox"]
    assert await filled.find_clients("nobody") == ()


async def test_lists_the_credentials_of_one_kind_of_all_clients(filled):
    await filled.add_client(client(), [credential("a", kind="certificate"), credential("b")])
    await filled.add_client(
        client(issuer="sandbox"), [credential("c", issuer="sandbox", kind="certificate")]
    )

    found = await filled.list_credentials("certificate")

    assert [each.id for each in found] == ["a", "c"]
    assert await filled.list_credentials("federated") == ()


async def test_lists_clients_page_by_page(filled):
    expected = []
    for issuer in ("default", "sandbox"):
        for client_id in ("B", "a", "b", "é"):
            added = client(client_id, issuer=issuer)
            own = credential(f"{issuer}-{client_id}", client_id, issuer=issuer)
            await filled.add_client(added, [own])
            expected.append(RegisteredClient(client=added, credentials=(own,)))

    pages, after = [], None
    while page := await filled.list_clients(after=after, limit=3):
        pages.extend(page)
        after = (page[-1].client.issuer, page[-1].client.client_id)

    assert pages == expected
    assert await filled.list_clients(issuer="sandbox") == tuple(expected[4:])


async def test_lists_the_clients_of_an_account(filled):
    await filled.add_account(account())
    await filled.add_client(client("bob"))
    await filled.add_client(client(account="acme"))

    listed = await filled.list_clients(account="acme")

    assert [each.client.client_id for each in listed] == ["ada"]


async def test_refuses_a_client_whose_id_the_issuer_has(filled):
    await filled.add_client(client())
    await filled.add_client(client(issuer="sandbox"))

    with pytest.raises(AlreadyExists, match="'ada'"):
        await filled.add_client(client(name="Other"))


@pytest.mark.parametrize(
    "unknown",
    [
        {"issuer": "nobody"},
        {"account": "nobody"},
        {"access": (ApiAccess(api="nobody"),)},
        {"access": (), "resource_server_for": ("nobody",)},
    ],
    ids=["issuer", "account", "api", "served api"],
)
async def test_refuses_a_client_that_names_something_unknown(filled, unknown):
    with pytest.raises(NotFound, match="nobody"):
        await filled.add_client(client(**unknown))

    assert await filled.list_clients() == ()


async def test_refuses_a_client_that_lists_an_api_twice(filled):
    twice = (ApiAccess(api="persons"), ApiAccess(api="persons", scopes=("read",)))

    with pytest.raises(AlreadyExists, match="twice"):
        await filled.add_client(client(access=twice))


async def test_a_client_whose_credential_is_refused_is_not_added(filled):
    await filled.add_client(client("bob"), [credential("taken", "bob")])
    revision = await filled.revision()

    with pytest.raises(AlreadyExists, match="'taken'"):
        await filled.add_client(client(), [credential("fresh"), credential("taken")])

    assert await filled.get_client("default", "ada") is None
    assert await filled.revision() == revision


async def test_takes_only_a_clients_own_credentials_with_it(filled):
    with pytest.raises(ValueError, match="its own"):
        await filled.add_client(client(), [credential(client_id="bob")])


async def test_replaces_all_of_a_client_but_its_credentials(filled):
    await filled.add_account(account())
    await filled.add_client(client(), [credential()])
    changed = client(
        name="Ada",
        account="acme",
        enabled=False,
        auth_methods=("private_key_jwt",),
        grant_types=(),
        access=(),
        resource_server_for=("persons",),
        token_format="opaque",
        token_lifetime=300,
        refresh_tokens=False,
        updated_at=NOW + 5,
    )

    await filled.replace_client(changed)

    assert await filled.get_client("default", "ada") == RegisteredClient(
        client=changed, credentials=(credential(),)
    )


@pytest.mark.parametrize(
    "unknown",
    [{"client_id": "nobody"}, {"account": "nobody"}, {"access": (ApiAccess(api="nobody"),)}],
    ids=["client", "account", "api"],
)
async def test_refuses_a_replacement_that_names_something_unknown(filled, unknown):
    await filled.add_client(client())

    with pytest.raises(NotFound, match="nobody"):
        await filled.replace_client(client(**{"name": "changed"} | unknown))

    assert (await filled.get_client("default", "ada")).client == client()


async def test_deletes_a_client_with_all_its_credentials(filled):
    await filled.add_client(client(), [credential()])

    await filled.delete_client("default", "ada")
    await filled.add_client(client(), [credential()])

    assert len((await filled.get_client("default", "ada")).credentials) == 1


async def test_refuses_to_delete_a_client_that_is_not_there(filled):
    with pytest.raises(NotFound, match="'ada'"):
        await filled.delete_client("default", "ada")


async def test_adds_a_credential(filled):
    await filled.add_client(client())
    added = credential(
        kind="jwk",
        data='{"kty":"OKP"}',
        label="laptop",
        hint="thumb",
        expires_at=NOW + 1.25,
        last_used_at=NOW - 1,
        last_used_from="::1",
    )

    await filled.add_credential(added)

    assert (await filled.get_client("default", "ada")).credentials == (added,)


async def test_refuses_a_credential_id_that_any_client_has(filled):
    await filled.add_client(client(), [credential()])
    await filled.add_client(client(issuer="sandbox"))

    with pytest.raises(AlreadyExists, match="'cred1'"):
        await filled.add_credential(credential(issuer="sandbox"))


async def test_refuses_a_credential_of_an_unknown_client(filled):
    with pytest.raises(NotFound, match="'ada'"):
        await filled.add_credential(credential())


async def test_replaces_all_of_a_credential_but_its_last_use(filled):
    await filled.add_client(client(), [credential()])
    await filled.record_uses([use(at=NOW + 7)])

    await filled.replace_credential(credential(label="old laptop", expires_at=NOW + 60))

    expected = credential(
        label="old laptop",
        expires_at=NOW + 60,
        last_used_at=NOW + 7,
        last_used_from="127.0.0.1",
    )
    assert (await filled.get_client("default", "ada")).credentials == (expected,)


async def test_touches_a_credential_only_through_its_own_client(filled):
    await filled.add_client(client(), [credential()])
    await filled.add_client(client("bob"))

    with pytest.raises(NotFound):
        await filled.replace_credential(credential(client_id="bob"))
    with pytest.raises(NotFound):
        await filled.delete_credential("default", "bob", "cred1")
    await filled.record_uses([use(client_id="bob")])

    assert (await filled.get_client("default", "ada")).credentials == (credential(),)


async def test_deletes_a_credential(filled):
    await filled.add_client(client(), [credential()])

    await filled.delete_credential("default", "ada", "cred1")

    assert (await filled.get_client("default", "ada")).credentials == ()
    with pytest.raises(NotFound, match="'cred1'"):
        await filled.delete_credential("default", "ada", "cred1")


async def test_remembers_the_latest_use_whatever_the_order(filled):
    await filled.add_client(client(), [credential()])

    await filled.record_uses([use(at=NOW + 2, source="late"), use(at=NOW + 1, source="early")])
    await filled.record_uses([use(at=NOW, source="earlier"), use("unknown")])

    (found,) = (await filled.get_client("default", "ada")).credentials
    assert (found.last_used_at, found.last_used_from) == (NOW + 2, "late")


async def test_announces_no_change_for_uses(filled):
    await filled.add_client(client(), [credential()])
    revision = await filled.revision()

    await filled.record_uses([use()])

    assert await filled.revision() == revision


async def test_finds_clients_by_a_text_in_their_id_name_or_description(filled):
    by_name = client("bob", name="Nightly IMPORT")
    by_description = client("eve", policy=ClientPolicy(description='the "import" of 100 % of all'))
    for each in (client("import-7"), by_name, by_description, client("mallory", enabled=False)):
        await filled.add_client(each)

    async def found(text, **asked):
        listed = await filled.list_clients(text=text, **asked)
        return [each.client.client_id for each in listed]

    assert await found("Import") == ["bob", "eve", "import-7"]
    assert await found("import", limit=1, after=("default", "bob")) == ["eve"]
    assert await found('"import" of 100 %') == ["eve"]
    assert await found("%") == ["eve"]
    assert await found("_") == []
    assert await found("description") == []


async def test_lists_and_counts_the_clients_with_access_to_an_api(filled):
    for issuer in ("default", "sandbox"):
        for name in ("people", "bills"):
            await filled.add_api(api(name, issuer=issuer))
    await filled.add_account(account("acme"))
    both = (ApiAccess(api="people", scopes=("read",)), ApiAccess(api="bills", scopes=("read",)))
    await filled.add_client(client("both", access=both, account="acme"))
    await filled.add_client(client("one", access=both[:1]))
    # It serves the API, which is something else than calling it.
    await filled.add_client(client("server", access=(), resource_server_for=("people",)))
    await filled.add_client(client("far", issuer="sandbox", access=both[:1]))

    found = await filled.list_clients(issuer="default", api="people")
    assert [each.client.client_id for each in found] == ["both", "one"]
    after = await filled.list_clients(api="people", after=("default", "both"), limit=2)
    assert [each.client.client_id for each in after] == ["one", "far"]
    counted = await filled.count_users_of_apis()
    assert counted["default", "people"] == 2
    assert counted["default", "bills"] == 1
    assert counted["sandbox", "people"] == 1
    assert await filled.count_users_of_apis(account="acme") == {
        ("default", "people"): 1,
        ("default", "bills"): 1,
    }


async def test_lists_clients_by_whether_they_are_enabled(filled):
    await filled.add_client(client("bob", enabled=False))
    await filled.add_client(client("eve"))

    stopped = await filled.list_clients(enabled=False)

    assert [each.client.client_id for each in stopped] == ["bob"]
    assert [each.client.client_id for each in await filled.list_clients(enabled=True)] == ["eve"]
