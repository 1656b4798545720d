"""Bringing the tables of a PostgreSQL database up to date, beside nodes that are at work."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateIndex

from tokenbooth.server.stores import schema
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.limits import DEFAULT_LIMITS, DatabaseLimits
from tokenbooth.server.stores.postgres_driver import Servers
from tokenbooth.server.stores.postgres_errors import as_store_errors, is_lock_refused
from tokenbooth.server.stores.postgres_url import check_url, shown

_MIGRATING = text("SELECT pg_advisory_xact_lock(7083114702)")
_BUILDING = text("SELECT pg_try_advisory_lock(7083114703)")
_BUILT = text("SELECT pg_advisory_unlock(7083114703)")
_LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', :milliseconds, true)")


async def prepare(servers: Servers, *, create: bool) -> None:
    """See that the tables are there; with `create`, bring them up to date first."""
    engine = migrating_engine(servers)
    try:
        for _ in range(servers.limits.migration_tries):
            try:
                async with engine.begin() as connection:
                    await _prepare(connection, servers, create=create)
            except Exception as error:
                if not is_lock_refused(error):
                    raise
            else:
                if create:
                    await _build_indexes(engine)
                return
            # Those who waited behind us go first now.
            await asyncio.sleep(servers.limits.migration_lock_seconds)
    finally:
        await engine.dispose()
    raise StoreUnavailable(
        f"The tables of {shown(servers.url)} are not up to date: others held their locks all the"
        " time. Nothing was changed; end long transactions there and try again."
    )


async def _prepare(connection: AsyncConnection, servers: Servers, *, create: bool) -> None:
    # Whoever waited for it finds nothing left to do.
    await connection.execute(_MIGRATING)
    revision = await connection.run_sync(schema.revision)
    if revision == schema.HEAD:
        return
    if not create:
        raise schema.not_up_to_date(shown(servers.url), revision)
    if revision is None and await connection.run_sync(schema.has_tables):
        raise StoreUnavailable(f"The database {shown(servers.url)} belongs to another program.")
    # Everybody who asks for a table waits behind a migration that waits for it.
    patience = int(servers.limits.migration_lock_seconds * 1000)
    await connection.execute(_LOCK_TIMEOUT, {"milliseconds": str(patience)})
    await connection.run_sync(schema.migrate)


async def _build_indexes(engine: AsyncEngine) -> None:
    """Build what is missing while others read and write; they can do without it meanwhile."""
    async with engine.connect() as connection:
        # Outside any transaction: a build waits for all transactions that are older.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        missing = await connection.run_sync(schema.missing_indexes)
        if not missing or not (await connection.execute(_BUILDING)).scalar_one():
            return  # or another node is at it
        for index in await connection.run_sync(schema.missing_indexes):
            # One that was not finished is of no use, and in the way.
            await connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{index.name}"'))
            made = str(CreateIndex(index).compile(dialect=connection.dialect))
            await connection.execute(
                text(made.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1))
            )
        await connection.execute(_BUILT)


def migrating_engine(servers: Servers) -> AsyncEngine:
    """Return an engine whose statements may take long."""
    return create_async_engine(
        "postgresql+asyncpg://", async_creator=servers.connect_to_migrate, hide_parameters=True
    )


async def revision_of(url: str, limits: DatabaseLimits = DEFAULT_LIMITS) -> str | None:
    """Return the newest migration that the database has seen; changes nothing."""
    check_url(url)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=Servers(url, limits).connect
    )
    try:
        with as_store_errors(url):
            async with engine.connect() as connection:
                return await connection.run_sync(schema.revision)
    finally:
        await engine.dispose()
