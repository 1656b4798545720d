"""What `tokenbooth check` finds in a database, with the clock and the server that it needs."""

from dataclasses import replace

import asyncpg
import pytest

from tests.management.people.people import first_operator
from tests.postgres import installed_versions, postgres_server
from tokenbooth.clock import TravelClock
from tokenbooth.management.people.invitations import invite
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.checks.everything import check_everything
from tokenbooth.server.checks.files import filesystem_of
from tokenbooth.server.settings import Settings

DAY = 86_400


@pytest.fixture
def environment(tmp_path):
    return {"TOKENBOOTH_DATABASE": f"sqlite:///{tmp_path}/booth.db"}


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
async def booth(environment, clock):
    booth = await open_booth(Settings.load(environment), clock=clock)
    yield booth
    await booth.close()


@pytest.fixture
def found(environment, clock):
    async def look():
        findings = await check_everything(environment, clock=clock)
        return {each.about: each.level for each in findings}

    return look


async def test_finds_a_clock_that_is_behind_what_was_written(booth, found, clock):
    await first_operator(booth)
    assert "clock_behind" not in await found()
    clock.travel(-60)
    assert (await found())["clock_behind"] == "error"


async def test_finds_keys_that_nobody_rotates(booth, found, clock):
    assert "key_overdue" not in await found()
    clock.travel(91 * DAY)
    assert (await found())["key_overdue"] == "warning"


async def test_finds_an_issuer_without_a_key(booth, found):
    for key in await booth.store.list_keys():
        if key.purpose == "sign":
            await booth.store.delete_key(key.issuer, key.kid)
    assert (await found())["key_missing"] == "error"


async def test_finds_operators_without_a_second_factor_and_open_links(booth, found, clock):
    assert "operator_without_second_factor" not in await found()
    await first_operator(booth)
    await invite(booth, email="bob@example.com", role="operator")

    levels = await found()
    assert (levels["operator_without_second_factor"], levels["operator_invited"]) == (
        "warning",
        "warning",
    )
    clock.travel(30 * DAY)
    assert "operator_invited" not in await found()


async def test_finds_a_dialect_that_is_gone(booth, found):
    (issuer,) = await booth.store.list_issuers()
    await booth.store.replace_issuer(replace(issuer, dialect="acme"))
    assert (await found())["dialect_missing"] == "error"


async def test_the_worst_comes_first(booth, environment, clock, tmp_path):
    (tmp_path / "booth.db").chmod(0o644)
    environment["TOKENBOOTH_FAILURES_PER_CLIENT"] = "0"
    levels = [each.level for each in await check_everything(environment, clock=clock)]
    assert levels == sorted(levels, key=["error", "warning", "advice"].index)
    assert set(levels) == {"error", "warning", "advice"}


def test_knows_the_file_system_by_its_longest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\nnone /data/a\\040b tmpfs rw 0 0\n"
    )
    places = ("/etc/x", "/data/booth.db", "/data/a b/booth.db", "/database/booth.db")
    assert [filesystem_of(type(tmp_path)(place), mounts) for place in places] == [
        "ext4",
        "nfs4",
        "tmpfs",
        "ext4",
    ]


async def test_finds_what_is_weak_about_a_database_server(tmp_path):
    with postgres_server(installed_versions()[-1]) as server:
        admin = await asyncpg.connect(server.url())
        await admin.execute("CREATE DATABASE booth")
        await admin.close()
        environment = {
            "TOKENBOOTH_DATABASE": server.url("booth"),
            "TOKENBOOTH_MASTER_KEY_FILE": str(tmp_path / "master.key"),
            "TOKENBOOTH_WORKERS": "20",
        }
        await (await open_booth(Settings.load(environment))).close()

        now = await check_everything(environment)
        then = await check_everything(environment, clock=TravelClock())
        admin = await asyncpg.connect(server.url())
        await admin.execute("ALTER DATABASE booth SET default_transaction_read_only = on")
        await admin.close()
        read_only = await check_everything(environment)

    levels = {each.about: each.level for each in now}
    # The tests' own server is set up to be quick, and loses all in a crash.
    assert levels["database_may_lose_all"] == "error"
    assert levels["synchronous_commit_off"] == "advice"
    assert levels["connections_few"] == "warning"
    assert "clock_differs" not in levels
    assert "clock_differs" in {each.about for each in then}
    assert "database_read_only" not in levels
    assert "database_read_only" in {each.about for each in read_only}
