"""What the metrics ask of a store: counts, without reading what is counted."""

from tests.store_contract.samples import NOW, api, client, credential, issuer


async def test_counts_clients_by_issuer_and_whether_they_are_enabled(store):
    await store.add_issuer(issuer())
    await store.add_api(api())
    for name, enabled in (("ada", True), ("bob", True), ("eve", False)):
        await store.add_client(client(name, enabled=enabled))

    assert await store.count_clients() == {("default", True): 2, ("default", False): 1}


async def test_counts_credentials_that_end_in_that_time(store):
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.add_client(
        client(),
        [
            credential("soon", expires_at=NOW + 10),
            credential("later", expires_at=NOW + 1000),
            credential("over", expires_at=NOW - 1),
            credential("never"),
        ],
    )

    counted = await store.count_ending_credentials(now=NOW, before=NOW + 100)
    assert counted == {("default", "secret"): 1}


async def test_a_new_store_counts_nothing(store):
    assert await store.count_clients() == {}
    assert await store.count_ending_credentials(now=NOW, before=NOW + 100) == {}
