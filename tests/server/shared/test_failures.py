"""Failure budgets that all nodes keep together."""

import anyio
import pytest

from tests.server.shared.conftest import eventually

ADA = ("default", "ada", "192.0.2.7")


def fail(town, times, who=ADA):
    for _ in range(times):
        town.service.failures.note(*who)


def spent(town, who=ADA):
    return town.service.failures.spent(*who)


def is_up(town):
    return town.service.shared.is_up


async def test_what_failed_here_counts_there(node, either):
    async with node(either.url) as one, node(either.url) as other:
        fail(one, 12)
        fail(other, 8)

        await eventually(lambda: spent(one) and spent(other))
        assert spent(one).budget == spent(other).budget == "client"
        assert spent(one, ("default", "bob", "192.0.2.7")) is None


async def test_budgets_are_not_divided_while_workers_hear_of_each_other(node, server):
    async with node(server.url, workers=4) as one:
        fail(one, 19)
        assert spent(one) is None
        fail(one, 1)
        assert spent(one) is not None


async def test_starting_anew_gives_a_guesser_nothing(node, either):
    async with node(either.url) as one:
        fail(one, 20)
        await eventually(lambda: told(either) == 20)

    async with node(either.url) as reborn:
        assert spent(reborn).budget == "client"


def told(server):
    """How many failures of Ada's the server was told."""
    return stream(server).count(b'["default","ada","192.0.2.7"]')


def stream(server):
    return server.ask("XRANGE", key(server), "-", "+")


def key(server):
    found = [word.decode() for word in server.ask("KEYS", "*:failures").split() if b":" in word]
    return found[0] if found else "none"


async def test_a_failure_comes_back_as_long_after_as_if_it_was_seen_here(node, server, clock):
    async with node(server.url) as one:
        fail(one, 20)
        await eventually(lambda: told(server) == 20)
        await anyio.sleep(1.1)

        async with node(server.url) as other:
            assert 1 <= spent(other).seconds <= 14  # of 15, and a second is over


async def test_names_that_strangers_make_up_are_told_shortly(two, server):
    one, other = two
    long = ("default", "x" * 60_000, "192.0.2.7")
    strange = ("default", "ädä\ud800", "192.0.2.8")
    fail(one, 20, long)
    fail(one, 20, strange)

    await eventually(lambda: spent(other, long) and spent(other, strange))
    assert len(stream(server)) < 10_000


async def test_what_others_write_into_the_stream_harms_nobody(two, server):
    one, other = two
    fail(one, 1)
    await eventually(lambda: told(server) == 1)
    for fields in (("x", "y"), ("failed", "no json"), ("failed", '[["a"]]'), ("failed", "[1]")):
        server.ask("XADD", key(server), "*", *fields)

    fail(one, 19)
    await eventually(lambda: spent(other))
    assert is_up(one)
    assert is_up(other)


async def test_away_each_process_counts_its_share_and_says_so(node, server, log):
    async with node(server.url, workers=4) as one:
        server.kill()
        await eventually(lambda: not is_up(one))
        fail(one, 4)
        assert spent(one) is None
        fail(one, 1)  # a fourth of 20
        assert spent(one) is not None

        ready = await one.http.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["status"] == "ready"
        assert "Redis is away" in ready.json()["degraded"][0]
        assert "tokenbooth_redis_up" in (await one.http.get("/metrics")).text

        server.start()
        await eventually(lambda: is_up(one))
        assert (await one.http.get("/readyz")).json() == {"status": "ready"}
        lines = [line for line in log().splitlines() if '"redis_' in line]
        assert len(lines) == 2
        assert '"event":"redis_away"' in lines[0].replace(" ", "")
        assert '"event":"redis_back"' in lines[1].replace(" ", "")


async def test_back_with_an_empty_memory_they_share_on(two, server):
    one, other = two
    fail(one, 10)
    await eventually(lambda: told(server) == 10)
    server.kill()
    await eventually(lambda: not is_up(one) and not is_up(other))
    server.start()
    await eventually(lambda: is_up(one) and is_up(other))

    fail(other, 10)
    # What was heard before is not forgotten with it.
    await eventually(lambda: spent(one) and spent(other))


async def test_a_moment_apart_loses_no_failure(two, server):
    one, other = two
    server.freeze()
    await eventually(lambda: not is_up(one) and not is_up(other))
    server.thaw()
    await eventually(lambda: is_up(one))
    fail(one, 20)  # the other may not listen again yet

    await eventually(lambda: is_up(other) and spent(other))


async def test_a_flushed_memory_stops_nobody(two, server):
    one, other = two
    fail(one, 1)
    await eventually(lambda: told(server) == 1)
    server.ask("FLUSHALL")

    fail(one, 19)
    await eventually(lambda: spent(one))
    fail(one, 20, ("default", "eve", "192.0.2.9"))
    await eventually(lambda: spent(other, ("default", "eve", "192.0.2.9")))


async def test_services_of_different_databases_share_nothing(node, server, tmp_path):
    database = f"sqlite:///{tmp_path}/another.db"
    async with node(server.url) as one, node(server.url, database=database) as stranger:
        fail(one, 20)
        fail(stranger, 1)
        await eventually(lambda: server.ask("KEYS", "*:failures").startswith(b"*2"))
        await anyio.sleep(0.2)

        assert spent(stranger) is None


@pytest.mark.parametrize("url", ["redis://127.0.0.1:9", "redis://localhost:9/3"])
async def test_starts_without_it(node, url):
    async with node(url) as one:
        assert not is_up(one)
        assert (await one.http.get("/readyz")).status_code == 200


async def test_starts_while_it_is_frozen_and_shares_once_it_answers(node, server):
    server.freeze()
    with anyio.fail_after(20):
        async with node(server.url) as one:
            assert not is_up(one)
            assert (await one.http.get("/readyz")).status_code == 200
            server.thaw()
            await eventually(lambda: is_up(one))


async def test_a_process_that_starts_hears_of_many_failures(node, server):
    async with node(server.url) as one:
        for number in range(3000):
            one.service.failures.note("default", f"guess{number}", f"198.51.{number % 9}.7")
        await eventually(lambda: server.ask("XLEN", key(server)) == b":300\r\n")

        async with node(server.url) as other:
            for net in range(9):
                # Of 300 they are one a second that comes back, however long this took until here.
                fail(other, 100, ("default", "other", f"198.51.{net}.7"))
                assert spent(other, ("default", "never", f"198.51.{net}.7")).budget == "source"


async def test_a_node_that_was_cut_off_hears_what_it_missed(two, server):
    one, other = two
    link = other.service.shared.link
    link._lose("cut off for the test")
    fail(one, 20)

    await eventually(lambda: link.is_up and spent(other))
