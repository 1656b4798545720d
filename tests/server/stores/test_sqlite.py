"""What only an embedded database can get wrong: its file, its locks and its version."""

import asyncio
import os
import subprocess
import sys
import threading

import pysqlite3.dbapi2 as driver
import pytest

from tests.store_contract.samples import account, api, client, issuer, revocation
from tokenbooth.server.stores import schema, sqlite_driver
from tokenbooth.server.stores.contract import AlreadyExists, StoreError, StoreUnavailable
from tokenbooth.server.stores.sql import open_store


@pytest.fixture
def file(tmp_path):
    return tmp_path / "booth.db"


@pytest.fixture
async def store(file):
    store = await open_store(f"sqlite:///{file}")
    yield store
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "booth.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a\0b",
        "mysql://localhost/booth",
    ],
)
async def test_refuses_a_url_that_names_no_file(url):
    with pytest.raises(StoreUnavailable, match=r"sqlite:///file\.db"):
        await open_store(url)


async def test_the_file_is_for_its_owner_alone(file):
    before = os.umask(0)
    try:
        store = await open_store(f"sqlite:///{file}")
        await store.add_issuer(issuer())
        modes = {each.name: each.stat().st_mode & 0o777 for each in file.parent.iterdir()}
        await store.close()
    finally:
        os.umask(before)

    assert modes == {"booth.db": 0o600, "booth.db-wal": 0o600, "booth.db-shm": 0o600}


async def test_a_relative_path_stays_the_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = await open_store("sqlite:///here.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    await store.add_issuer(issuer())
    await store.close()

    assert (tmp_path / "here.db").exists()


async def test_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        await open_store(f"sqlite:///{tmp_path}/nowhere/booth.db")


async def test_refuses_a_file_that_is_no_database(file):
    file.write_text("Dear diary, " * 1000)

    with pytest.raises(StoreUnavailable, match="is not an SQLite database"):
        await open_store(f"sqlite:///{file}")


async def test_refuses_the_database_of_another_program(file):
    with driver.connect(file) as connection:
        connection.execute("CREATE TABLE diary (page)")
    connection.close()

    with pytest.raises(StoreUnavailable, match="belongs to another program"):
        await open_store(f"sqlite:///{file}")


async def test_refuses_the_database_of_a_newer_version(store, file):
    await store.close()
    with driver.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(StoreUnavailable, match="newer version"):
        await open_store(f"sqlite:///{file}")


async def test_does_not_migrate_unless_told_to(file):
    driver.connect(file).close()
    file.touch()

    with pytest.raises(StoreUnavailable, match="not up to date"):
        await open_store(f"sqlite:///{file}", create=False)


async def test_a_database_that_another_process_locks_is_unavailable(store, file, monkeypatch):
    await store.add_issuer(issuer())
    await store.close()
    monkeypatch.setattr(sqlite_driver, "WRITE_WAIT", 0.05)
    quick = await open_store(f"sqlite:///{file}")
    locker = driver.connect(file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="locked by another process"):
        await quick.add_api(api())
    assert await quick.list_issuers() == (issuer(),)

    locker.execute("ROLLBACK")
    locker.close()
    await quick.add_api(api())
    await quick.close()


async def test_a_full_disk_is_unavailable_and_changes_nothing(store):
    await store.add_issuer(issuer())

    def fill(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    await store._engine.write(fill)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await store.revoke([revocation(f"jti:{number}") for number in range(5000)])

    assert await store.find_revoked("default", ["jti:0"]) == {}
    await store.revoke([revocation()])


async def test_a_database_that_was_removed_takes_no_more_writes(store, file):
    await store.add_issuer(issuer())
    file.unlink()

    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.add_api(api())
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.check()


async def test_a_damaged_page_is_unavailable(store, file):
    await store.add_issuer(issuer())
    for number in range(50):
        await store.add_client(client(f"c{number}", access=()))
    await store.close()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xa5" * (file.stat().st_size - 4096))

    with pytest.raises(StoreUnavailable, match="is damaged"):
        await open_store(f"sqlite:///{file}")


async def test_a_damaged_row_is_unavailable(store, file):
    await store.add_issuer(issuer())
    await store.add_client(client(access=()))
    with driver.connect(file) as connection:
        connection.execute("UPDATE clients SET auth_methods = '['")
    connection.close()

    with pytest.raises(StoreUnavailable, match="damaged row"):
        await store.get_client("default", "ada")
    with pytest.raises(StoreUnavailable, match="damaged row"):
        await store.list_clients()


async def test_a_row_that_a_race_put_there_first_already_exists(store):
    def insert_twice(connection):
        for _ in range(2):
            connection.exec_driver_sql("INSERT INTO accounts VALUES ('acme', '', 0)")

    with pytest.raises(AlreadyExists):
        await store._engine.write(insert_twice)

    assert await store.list_accounts() == ()


@pytest.mark.parametrize("name", ["\ud800", 2**64])
async def test_refuses_a_value_that_no_database_holds(store, name):
    with pytest.raises(StoreError):
        await store.add_issuer(issuer(tag=name))
    with pytest.raises(StoreError):
        await store.find_revoked("default", [name])


async def test_errors_tell_no_stored_value(store):
    def break_a_rule(connection):
        connection.exec_driver_sql("INSERT INTO claims VALUES (?, NULL, NULL)", ("s3cret",))

    with pytest.raises(StoreError) as caught:
        await store._engine.write(break_a_rule)

    causes = [caught.value, caught.value.__cause__]
    assert all("s3cret" not in f"{cause!s}{cause!r}" for cause in causes)


async def test_refuses_to_work_on_a_connection_from_before_a_fork(store, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)

    with pytest.raises(StoreUnavailable, match="before a fork"):
        await store.revision()
    with pytest.raises(StoreUnavailable, match="before a fork"):
        await store.add_issuer(issuer())


async def test_refuses_a_sqlite_that_can_corrupt_the_file(file, monkeypatch):
    monkeypatch.setattr(sqlite_driver.driver, "sqlite_version_info", (3, 51, 2))

    with pytest.raises(StoreUnavailable, match="pysqlite3"):
        await open_store(f"sqlite:///{file}")


def test_opening_an_up_to_date_store_loads_no_alembic(tmp_path):
    script = """
import asyncio, sys
from tokenbooth.server.stores.sql import open_store
async def main():
    store = await open_store(sys.argv[1])
    await store.close()
asyncio.run(main())
print("alembic" in sys.modules)
"""
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path}/booth.db"]
    said = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    ]

    assert said == ["True", "False"]


def test_the_contract_loads_no_database_library():
    script = """
import sys
import tokenbooth.server.stores.contract
print([name for name in ("sqlalchemy", "alembic", "pysqlite3") if name in sys.modules])
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout

    assert said == "[]\n"


async def test_readers_do_not_keep_the_write_ahead_log_growing(store, file):
    for number in range(200):
        await store.add_account(account(str(number), title="x" * 100_000))
        await store.revision()
        await store.get_client("default", "ada")
        await store.list_issuers()

    assert file.with_name("booth.db-wal").stat().st_size < 8_000_000


def test_carries_a_safe_sqlite_of_its_own():
    assert sqlite_driver.driver.__name__ == "pysqlite3.dbapi2"
    sqlite_driver.require_safe_version()


async def test_refuses_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "booth.db").symlink_to(tmp_path / "gone")

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await open_store(f"sqlite:///{tmp_path}/booth.db")


async def test_waits_for_another_program_before_the_first_use(file, monkeypatch):
    locker = driver.connect(file, isolation_level=None, check_same_thread=False)
    locker.execute("PRAGMA user_version = 1")
    locker.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sqlite_driver, "WRITE_WAIT", 0.05)
    with pytest.raises(StoreUnavailable, match="locked by another process"):
        await open_store(f"sqlite:///{file}")

    monkeypatch.setattr(sqlite_driver, "WRITE_WAIT", 10.0)
    opening = asyncio.create_task(open_store(f"sqlite:///{file}"))
    await asyncio.sleep(0.1)
    assert not opening.done()
    locker.execute("ROLLBACK")
    locker.close()

    store = await opening
    await store.check()
    await store.close()


async def test_refuses_a_migration_that_leaves_rows_without_what_they_refer_to(
    store, file, monkeypatch
):
    await store.close()
    with driver.connect(file) as connection:
        connection.execute("INSERT INTO apis VALUES ('gone', 'a', 'a', '[]', 0, 0, '{}')")
    connection.close()
    # As if this version knew a newer revision than the database has.
    monkeypatch.setattr(schema, "HEAD", "9999")

    with pytest.raises(StoreUnavailable, match="rows that refer to nothing"):
        await open_store(f"sqlite:///{file}")


async def test_serves_several_threads_each_with_its_own_event_loop(store):
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.add_api(api("other"))
    failures = []

    async def work(name):
        for number in range(20):
            client_id = f"{name}-{number}"
            await store.add_client(client(client_id))
            assert (await store.get_client("default", client_id)).client == client(client_id)
            assert len(await store.list_apis()) == 2
            await store.revision()

    def run(name):
        try:
            asyncio.run(work(name))
        except Exception as error:  # noqa: BLE001  # shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=run, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert failures == []
    assert len(await store.list_clients(limit=1000)) == 80


async def test_each_check_writes_to_the_disk(store, file):
    log = file.with_name("booth.db-wal")
    await store.check()
    for _ in range(3):
        before = log.stat().st_size
        await store.check()
        assert log.stat().st_size > before
