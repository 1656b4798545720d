"""A service that all tests of a file call."""

import pytest

from tests.management.rest.office import add_people, office


@pytest.fixture
async def desk(tmp_path):
    async with office(tmp_path) as made:
        await add_people(made)
        yield made
