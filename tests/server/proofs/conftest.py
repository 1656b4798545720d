"""A town that may ask this machine for keys, and an outside issuer on it."""

import pytest

from tests.remote.local_server import local_server
from tests.server.booths import PERSONS, running
from tests.server.proofs.outside import Outside
from tokenbooth.server.settings import Settings


@pytest.fixture
async def outside(settings, clock, template):
    allowed = Settings(
        database=settings.database,
        change_poll_seconds=60.0,
        allow_private_addresses_for_federation="127.0.0.1",
    )
    with local_server() as server:
        async with running(allowed, clock) as town:
            await town.add_api("persons", PERSONS, "persons:read persons:write")
            await town.add_client("ada")
            yield Outside(town, server)
