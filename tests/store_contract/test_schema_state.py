"""How far the tables are can be asked of any engine, and asking changes nothing."""

from tokenbooth.server.stores import schema
from tokenbooth.server.stores.schema_state import schema_state
from tokenbooth.server.stores.sql import open_store


async def test_a_database_without_tables_is_not_up_to_date_and_stays_so(databases):
    url = databases.empty()

    for _ in range(2):
        state = await schema_state(url)
        assert (state.database, state.is_up_to_date, state.is_newer) == (None, False, False)


async def test_a_migrated_database_is_up_to_date(databases):
    url = databases.empty()
    await (await open_store(url)).close()

    state = await schema_state(url)

    assert (state.database, state.is_up_to_date) == (schema.HEAD, True)
