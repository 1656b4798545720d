"""One service for all tests of a file: making its application takes longer than most tests."""

from itertools import count

import pytest

from tests.management.rest.office import add_people, office

_numbers = count()


@pytest.fixture(scope="module")
async def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    async with office(folder) as made:
        made.folder = folder
        await add_people(made)
        yield made


@pytest.fixture
async def mine(desk):
    """A client of the account acme that no other test changes."""
    client_id = f"mine-{next(_numbers)}"
    await desk.client(client_id, apis=("open",), scope="o:r", account="acme")
    return client_id


@pytest.fixture
def key():
    """An idempotency key that no other test uses."""
    return f"key-{next(_numbers)}"
