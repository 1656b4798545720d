import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tokenbooth.server.stores import schema
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.stores.tables import metadata


@pytest.fixture
async def store(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/booth.db")
    yield store
    await store.close()


def test_the_known_head_is_the_newest_migration():
    folder = schema.__file__.replace("schema.py", "migrations")

    assert ScriptDirectory(folder).get_heads() == [schema.HEAD]


async def test_the_migrations_make_the_tables_that_the_queries_use(store):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await store._engine.read(differences) == []


async def test_every_lookup_by_key_uses_an_index(store):
    queries = [
        "SELECT * FROM clients WHERE client_id = 'a'",
        "SELECT * FROM clients WHERE account = 'a'",
        "SELECT * FROM credentials WHERE issuer = 'a' AND client_id = 'b'",
        "SELECT * FROM client_apis WHERE issuer = 'a' AND api = 'b'",
        "SELECT key FROM revocations WHERE issuer = 'a' AND key = 'b'",
        "SELECT key FROM revocations WHERE issuer = 'a' AND seq > 1 ORDER BY seq LIMIT 2",
        "SELECT max(token_lifetime) FROM clients WHERE issuer = 'a' AND token_lifetime IS NOT NULL",
        "DELETE FROM revocations WHERE expires_at < 1",
        "DELETE FROM claims WHERE expires_at < 1",
        "DELETE FROM changes WHERE revision <= 1 OR at < 1",
    ]

    def plans(connection):
        return [
            " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
            for query in queries
        ]

    for query, plan in zip(queries, await store._engine.read(plans), strict=True):
        assert "SCAN" not in plan, query
