import asyncio

import pytest

from tokenbooth.management.clients.clients import AccessView, create_client, list_clients
from tokenbooth.management.errors import BadInput, Conflict
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.stores.contract import AlreadyExists


async def test_the_scope_is_shared_out_over_the_apis_in_the_order_given(booth: Booth) -> None:
    made = await create_client(booth, apis=["orders", "persons"], scope="a d")

    assert made.client.access == (
        AccessView(api="orders", scopes=("d",)),
        AccessView(api="persons", scopes=("a",)),
    )


async def test_an_api_that_is_named_twice_counts_once(booth: Booth) -> None:
    made = await create_client(booth, apis=["persons", "persons"])

    assert [each.api for each in made.client.access] == ["persons"]


async def test_a_resource_server_needs_no_api_to_call(booth: Booth) -> None:
    made = await create_client(booth, resource_server_for=["persons"])

    assert (made.client.access, made.client.resource_server_for) == ((), ("persons",))


async def test_the_secret_opens_exactly_its_credential(booth: Booth) -> None:
    made = await create_client(booth, client_id="my-app", apis=["persons"])

    registered = await booth.store.get_client("default", "my-app")

    assert registered is not None
    (credential,) = registered.credentials
    assert booth.secrets.matches(made.secret.client_secret, credential.data)
    assert not booth.secrets.matches(Secret("x"), credential.data)


async def test_a_new_client_does_not_show_its_secret_by_accident(booth: Booth) -> None:
    made = await create_client(booth, apis=["persons"])

    assert made.secret.client_secret.reveal() not in repr(made) + str(made)


async def test_an_authentication_method_that_does_not_work_is_refused(booth: Booth) -> None:
    with pytest.raises(BadInput, match="client_secret_basic"):
        await create_client(booth, apis=["persons"], auth_methods=["private_key_jwt"])
    with pytest.raises(BadInput, match="at least one"):
        await create_client(booth, apis=["persons"], auth_methods=[])


async def test_a_list_longer_than_a_page_is_read_to_its_limit(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenbooth.management.clients.clients._PAGE", 2)
    for number in range(5):
        await create_client(booth, client_id=f"app-{number}", apis=["persons"])

    everything = await list_clients(booth, limit=100)
    some = await list_clients(booth, limit=3)

    assert [each.client_id for each in everything] == [f"app-{number}" for number in range(5)]
    assert everything[:3] == some


async def test_of_two_who_want_one_id_exactly_one_gets_it(booth: Booth) -> None:
    made = await asyncio.gather(
        *(create_client(booth, client_id="my-app", apis=["persons"]) for _ in range(4)),
        return_exceptions=True,
    )

    lost = [each for each in made if isinstance(each, BaseException)]
    assert len(lost) == 3
    assert all(isinstance(each, Conflict | AlreadyExists) for each in lost)
