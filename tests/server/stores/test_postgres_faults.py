"""What the store makes of a database server's bad moments: tried again where that is harmless."""

import asyncio
import re

import asyncpg
import pytest
from sqlalchemy import text

from tests.server.stores.waiting import until
from tests.store_contract.samples import api, client, issuer
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.limits import DatabaseLimits
from tokenbooth.server.stores.sql import open_store


def fail_first(statement):
    """A query that runs the statement in its first attempt, and then what counts."""
    runs = []

    def query(connection):
        runs.append(connection)
        connection.execute(text("UPDATE feed SET revision = revision + 100"))
        if len(runs) == 1:
            connection.execute(text(statement))
        return len(runs)

    return query, runs


@pytest.fixture
async def hasty(url):
    """A store that does not wait for long."""
    limits = DatabaseLimits(
        pool_size=1, connect_seconds=3.0, statement_seconds=2.0, lock_seconds=0.2
    )
    store = await open_store(url, limits=limits)
    yield store
    await store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        *(
            f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
            for state in ("40001", "40P01", "57P01", "53300", "25006")
        ),
    ],
    ids=["session ended", "serialization", "deadlock", "shutdown", "no connection", "read only"],
)
async def test_a_change_that_was_surely_undone_is_made_again(store, statement):
    query, runs = fail_first(statement)
    before = await store.revision()

    assert await store._engine.write(query) == 2
    assert len(runs) == 2
    assert await store.revision() == before + 100  # once


async def test_a_change_that_may_be_done_is_not_made_again(store, admin):
    await admin.execute(
        """
        CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); END $$;
        CREATE CONSTRAINT TRIGGER at_the_commit AFTER INSERT ON apis DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION ended();
        """
    )
    query, runs = fail_first("SELECT 1")

    def changing(connection):
        connection.execute(
            text("INSERT INTO apis VALUES ('default', 'a', 'a', '[]', false, 0, '{}')")
        )
        return query(connection)

    with pytest.raises(StoreUnavailable):
        await store._engine.write(changing)

    assert len(runs) == 1
    await admin.execute("DROP TRIGGER at_the_commit ON apis")
    await store.add_api(api())


async def test_two_that_wait_for_each_other_both_get_through(store):
    await store.add_issuer(issuer("sandbox"))

    def query(first, second):
        def run(connection):
            for name in (first, second):
                connection.execute(
                    text("UPDATE issuers SET dialect = :it WHERE name = :name"),
                    {"name": name, "it": f"{first} first"},
                )
                connection.execute(text("SELECT pg_sleep(0.2)"))

        return run

    await asyncio.gather(
        store._engine.write(query("default", "sandbox"), exclusive=False),
        store._engine.write(query("sandbox", "default"), exclusive=False),
    )

    dialects = {each.dialect for each in await store.list_issuers()}
    assert dialects in ({"default first"}, {"sandbox first"})


async def test_a_lock_that_somebody_holds_ends_the_wait(hasty, store, admin):
    async with admin.transaction():
        await admin.execute("LOCK TABLE claims IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="another transaction holds a lock"):
            await hasty.claim("jti:1", now=1.0, expires_at=2.0)

    assert (await hasty.claim("jti:1", now=1.0, expires_at=2.0)).won


async def test_a_statement_that_takes_too_long_is_ended(hasty):
    with pytest.raises(StoreUnavailable, match="took too long"):
        await hasty._engine.read(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))

    assert await hasty.revision() == 0


async def test_nobody_waits_for_ever_for_a_free_connection(store, url, admin):
    busy = await open_store(url, limits=DatabaseLimits(pool_size=1, connect_seconds=3.0))
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%'"
    holding = asyncio.create_task(
        busy._engine.read(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))
    )
    pid = await until(lambda: admin.fetchval(sleeping))

    with pytest.raises(StoreUnavailable, match="took too long"):
        await busy.list_issuers()
    assert await busy.revision() == 1  # look-ups have connections of their own

    await admin.execute("SELECT pg_cancel_backend($1)", pid)
    with pytest.raises(StoreUnavailable):
        await holding
    assert await busy.list_issuers() == (issuer(),)
    await busy.close()


async def test_says_when_the_server_has_no_connection_left(store, url, admin):
    await admin.execute(
        """
        CREATE ROLE guest LOGIN CONNECTION LIMIT 1;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO guest
        """
    )
    guest = await open_store(url.replace("postgres@", "guest@"), create=False)
    assert await guest.revision() == 1  # on the only connection there is

    with pytest.raises(StoreUnavailable, match="has no connection left for us"):
        await guest.list_issuers()

    await admin.execute("ALTER ROLE guest CONNECTION LIMIT 5")
    assert await guest.list_issuers() == (issuer(),)
    await guest.close()
    await admin.execute("DROP OWNED BY guest; DROP ROLE guest")


async def test_a_server_that_answers_nothing_is_given_up_soon(hasty, server):
    assert await hasty.revision() == 0
    server.freeze()
    try:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                hasty.revision(),
                hasty.list_issuers(),
                hasty.add_issuer(issuer()),
                hasty.claim("jti:1", now=1.0, expires_at=2.0),
                return_exceptions=True,
            )
    finally:
        server.thaw()
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 4

    async with asyncio.timeout(60):
        while True:
            try:
                await hasty.check()
            except StoreUnavailable:
                continue
            break
    assert (await hasty.claim("jti:2", now=1.0, expires_at=2.0)).won


async def test_a_database_that_takes_no_writes_says_so_and_is_read(store, admin, url):
    name = re.sub(r".*/", "", url)
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    with pytest.raises(StoreUnavailable, match="takes no writes"):
        await store.add_api(api())
    with pytest.raises(StoreUnavailable, match="takes no writes"):
        await store.claim("jti:1", now=1.0, expires_at=2.0)
    assert await store.list_issuers() == (issuer(),)

    await admin.execute("SET default_transaction_read_only = off")
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = off')
    async with asyncio.timeout(60):
        while True:  # connections from before are let go of once a second
            try:
                await store.add_api(api())
            except StoreUnavailable:
                continue
            break
    assert (await store.claim("jti:1", now=1.0, expires_at=2.0)).won


async def test_a_plan_that_a_migration_made_useless_is_made_anew(store, admin):
    await store.add_api(api())
    await store.add_client(client())
    assert await store.get_client("default", "ada") is not None
    assert await store.list_clients() != ()

    await admin.execute("ALTER TABLE clients ALTER COLUMN name TYPE varchar(500)")

    assert await store.get_client("default", "ada") is not None
    assert await store.list_clients() != ()


async def test_the_server_that_stops_in_earnest_ends_no_change_that_comes_after(server, url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    server.stop()
    with pytest.raises(StoreUnavailable):
        await store.add_api(api())
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    async with asyncio.timeout(60):
        while True:
            try:
                await store.add_api(api())
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            break
    await starting
    assert [each.name for each in await store.list_apis()] == ["persons"]
    await store.close()


async def test_another_session_may_end_ours_at_any_moment(store, url):
    """Whatever is acknowledged is there, whatever is refused is not, or is there once."""
    admin = await asyncpg.connect(url)

    async def disturb():
        for _ in range(40):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.02)

    async def add(number):
        try:
            await store.add_api(api(f"api{number}"))
        except StoreUnavailable:
            return None
        return f"api{number}"

    disturbing = asyncio.create_task(disturb())
    acknowledged = {await add(number) for number in range(40)} - {None}
    await disturbing
    await admin.close()

    there = [each.name for each in await store.list_apis()]
    assert acknowledged <= set(there)
    assert await store.revision() == 1 + len(there)


async def test_a_backup_whose_connection_is_lost_is_not_begun_anew_in_the_middle(store, server):
    lines = []

    def write(line):
        lines.append(line)
        if len(lines) == 3:
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tokenbooth'"
            )

    with pytest.raises(StoreUnavailable, match="start it again"):
        await store.dump(write, report=lambda _: None)

    assert sum(b"tokenbooth_backup" in line for line in lines) == 1
