import anyio
import pytest

from tests.store_contract.samples import NOW, account, api, client, issuer, key
from tokenbooth.server.records import ApiScope
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, StillInUse


async def test_lists_issuers_by_name(store):
    for name in ("zebra", "Default", "default", "äther"):
        await store.add_issuer(issuer(name))

    assert [each.name for each in await store.list_issuers()] == [
        "Default",
        "default",
        "zebra",
        "äther",
    ]


async def test_adds_an_issuer_together_with_its_keys(store):
    await store.add_issuer(issuer(), [key("a"), key("b")])

    assert await store.list_issuers() == (issuer(),)
    assert await store.list_keys() == (key("a"), key("b"))


async def test_an_issuer_whose_key_is_refused_is_not_added(store):
    await store.add_key(key("a"))

    with pytest.raises(AlreadyExists):
        await store.add_issuer(issuer(), [key("b"), key("a")])

    assert await store.list_issuers() == ()
    assert await store.list_keys() == (key("a"),)
    assert await store.revision() == 1


async def test_takes_only_an_issuers_own_keys_with_it(store):
    with pytest.raises(ValueError, match="its own"):
        await store.add_issuer(issuer(), [key(issuer="sandbox")])


@pytest.mark.parametrize(
    "second",
    [
        issuer("one", tag="other"),
        issuer("two", tag="tagone"),
        issuer("two", url="https://one.example"),
    ],
    ids=["name", "tag", "url"],
)
async def test_refuses_an_issuer_that_shares_a_mark_with_another(store, second):
    await store.add_issuer(issuer("one", url="https://one.example"))

    with pytest.raises(AlreadyExists):
        await store.add_issuer(second)


async def test_replaces_an_issuer(store):
    await store.add_issuer(issuer(url="https://one.example"))
    changed = issuer(tag="other", url=None, dialect="truphone", refresh_tokens=True, alg="EdDSA")

    await store.replace_issuer(changed)

    assert await store.list_issuers() == (changed,)


async def test_refuses_to_replace_an_issuer_that_is_not_there(store):
    with pytest.raises(NotFound, match="default"):
        await store.replace_issuer(issuer())


async def test_refuses_to_give_an_issuer_the_tag_of_another(store):
    await store.add_issuer(issuer("one"))
    await store.add_issuer(issuer("two"))

    with pytest.raises(AlreadyExists, match=r"'one'.*tag"):
        await store.replace_issuer(issuer("two", tag="tagone"))


async def test_lists_apis_by_issuer_and_name(filled):
    await filled.add_api(api("animals"))
    listed = (api("animals"), api(), api(issuer="sandbox"))

    assert await filled.list_apis() == listed
    assert await filled.list_apis("default") == listed[:2]
    assert await filled.list_apis("nobody") == ()


@pytest.mark.parametrize(
    "second", [api(audience="https://other"), api("other", audience="https://persons.example")]
)
async def test_refuses_an_api_with_a_name_or_audience_of_another(filled, second):
    with pytest.raises(AlreadyExists):
        await filled.add_api(second)


async def test_refuses_an_api_of_an_unknown_issuer(store):
    with pytest.raises(NotFound, match="default"):
        await store.add_api(api())


async def test_replaces_an_api(filled):
    changed = api(audience="urn:x", scopes=(ApiScope(name="all"),), self_service=True)

    await filled.replace_api(changed)

    assert await filled.list_apis("default") == (changed,)


async def test_refuses_to_replace_an_api_that_is_not_there(filled):
    with pytest.raises(NotFound, match="animals"):
        await filled.replace_api(api("animals"))


async def test_refuses_to_give_an_api_the_audience_of_another(filled):
    await filled.add_api(api("animals"))

    with pytest.raises(AlreadyExists, match="persons"):
        await filled.replace_api(api("animals", audience="https://persons.example"))


async def test_deletes_an_api_that_nobody_uses(filled):
    await filled.delete_api("default", "persons")

    assert await filled.list_apis("default") == ()
    with pytest.raises(NotFound):
        await filled.delete_api("default", "persons")


@pytest.mark.parametrize("tie", [{}, {"access": (), "resource_server_for": ("persons",)}])
async def test_refuses_to_delete_an_api_while_a_client_needs_it(filled, tie):
    await filled.add_client(client(**tie))

    with pytest.raises(StillInUse, match="'ada'"):
        await filled.delete_api("default", "persons")

    await filled.delete_client("default", "ada")
    await filled.delete_api("default", "persons")


async def test_lists_accounts_by_name(store):
    await store.add_account(account("beta"))
    await store.add_account(account("acme"))

    assert await store.list_accounts() == (account("acme"), account("beta"))


async def test_refuses_an_account_whose_name_is_taken(store):
    await store.add_account(account())

    with pytest.raises(AlreadyExists, match="acme"):
        await store.add_account(account(title="Other"))


async def test_lists_keys_oldest_first_and_those_of_the_service_too(store):
    keys = [
        key("b", created_at=1.0),
        key("a", created_at=2.0, retires_at=3.5, expires_at=4.0),
        key("pepper", issuer="", purpose="pepper", alg="", public_jwk="", created_at=3.0),
    ]
    for each in reversed(keys):
        await store.add_key(each)

    assert await store.list_keys() == tuple(keys)


async def test_refuses_a_key_whose_kid_the_issuer_has(store):
    await store.add_key(key("a"))
    await store.add_key(key("a", issuer="sandbox"))

    with pytest.raises(AlreadyExists, match="'a'"):
        await store.add_key(key("a"))


async def test_replaces_several_keys_at_once(store):
    for kid in ("a", "b"):
        await store.add_key(key(kid))
    changed = (key("a", retires_at=5.0), key("b", activates_at=5.0, sealed=b"again"))

    await store.replace_keys(changed)

    assert await store.list_keys() == changed


async def test_replaces_no_key_when_one_is_not_there(store):
    await store.add_key(key("a"))

    with pytest.raises(NotFound, match="'b'"):
        await store.replace_keys([key("a", retires_at=5.0), key("b")])

    assert await store.list_keys() == (key("a"),)


async def test_deletes_a_key(store):
    await store.add_key(key("a"))

    await store.delete_key("default", "a")

    assert await store.list_keys() == ()
    with pytest.raises(NotFound):
        await store.delete_key("default", "a")


async def test_exchanges_all_keys_for_others(store):
    seen = (key("a"), key("b"), key("c", issuer="sandbox"))
    for each in seen:
        await store.add_key(each)
    then = (
        key("a", retires_at=5.0, kept=7.5),
        key("c", issuer="sandbox"),
        key("d", created_at=NOW + 1),
    )

    assert await store.exchange_keys(seen, then)

    assert await store.list_keys() == then


async def test_an_exchange_announces_what_it_changes_and_nothing_else(store):
    seen = (key("a"), key("b"))
    for each in seen:
        await store.add_key(each)
    before = await store.revision()

    await store.exchange_keys(seen, (key("a"), key("c")))
    announced = await store.changes_since(before)

    assert [(change.kind, change.id) for change in announced] == [("key", "b"), ("key", "c")]


async def test_an_exchange_of_keys_that_others_changed_does_nothing(store, other_store):
    await store.add_key(key("a"))
    seen = await store.list_keys()
    await other_store.replace_keys([key("a", retires_at=5.0)])
    before = await store.revision()

    assert not await store.exchange_keys(seen, ())

    assert await store.list_keys() == (key("a", retires_at=5.0),)
    assert await store.revision() == before


async def test_of_those_who_saw_the_same_keys_one_exchanges_them(store, other_store):
    await store.add_key(key("a"))
    seen = await store.list_keys()
    won = []

    async def exchange(through, kid):
        won.append(await through.exchange_keys(seen, (*seen, key(kid))))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(exchange, (store, other_store)[number % 2], f"next{number}")

    assert sorted(won) == [False] * 9 + [True]
    assert len(await store.list_keys()) == 2


async def test_knows_the_longest_token_lifetime_of_an_issuers_clients(filled):
    assert await filled.longest_client_token("default") is None
    await filled.add_client(client("ada", token_lifetime=60))
    await filled.add_client(client("bob", token_lifetime=7200))
    await filled.add_client(client("eve"))
    await filled.add_client(client("far", issuer="sandbox", token_lifetime=9000))

    assert await filled.longest_client_token("default") == 7200
