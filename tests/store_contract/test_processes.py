"""The contract between processes: what one node was told, every other one knows."""

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.store_contract.samples import api, issuer
from tokenbooth.server.stores.sql import open_store

ROOT = Path(__file__).parents[2]


@contextmanager
def worker(action, url, name="", count=0):
    command = [sys.executable, "-m", "tests.store_contract.worker", action, url, name, str(count)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def start(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def run_together(nodes, action, url, **options):
    """Run that many workers at once; return the lines that each one said."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(worker(action, url, name=f"w{number}-", **options))
            for number in range(nodes)
        ]
        for process in processes:
            start(process)
        said = [process.stdout.read().splitlines() for process in processes]
        assert [process.wait(60) for process in processes] == [0] * nodes
    return said


@pytest.fixture
async def filled_url(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.close()
    return url


def test_processes_may_open_a_new_database_at_once(databases):
    assert run_together(3, "open", databases.empty()) == [["0"]] * 3


def test_exactly_one_process_wins_each_claim(url):
    won = run_together(2, "claim", url, count=100)

    assert sorted(int(line) for lines in won for line in lines) == list(range(100))


async def test_processes_that_write_at_once_lose_nothing(filled_url):
    written = run_together(2, "write", filled_url, count=80)

    store = await open_store(filled_url)
    listed = await store.list_clients(limit=1000)
    changes = await store.changes_since(2)
    await store.close()
    acknowledged = {line for lines in written for line in lines}
    assert len(acknowledged) == 160
    assert {each.client.client_id for each in listed} == acknowledged
    assert {change.id for change in changes} == acknowledged
    assert [change.revision for change in changes] == list(range(3, 163))


async def test_another_process_change_shows_at_once(filled_url):
    store = await open_store(filled_url)
    with worker("write", filled_url, "new", 20) as process:
        start(process)
        seen = await store.revision()
        for client_id in iter(process.stdout.readline, ""):
            changes = await store.changes_since(seen)
            # The writer may be further on than the line that was just read.
            assert client_id.strip() in {change.id for change in changes}
            assert await store.revision() >= changes[-1].revision
            assert await store.find_revoked("default", [f"jti:{client_id.strip()}"])

    assert await store.revision() == seen + 20
    await store.close()


async def test_killing_a_writer_loses_no_acknowledged_write(filled_url):
    acknowledged = set()
    for attempt in range(2):
        with worker("write", filled_url, f"run{attempt}-", 100_000) as process:
            start(process)
            acknowledged |= {process.stdout.readline().strip() for _ in range(30)}
            process.kill()
            # What it said before it died counts; half a line was not said.
            rest = process.stdout.read()
        acknowledged |= {line.strip() for line in rest.splitlines(keepends=True) if "\n" in line}

        store = await open_store(filled_url)
        listed = await store.list_clients(limit=100_000)
        revoked = await store.find_revoked("default", [f"jti:{each}" for each in acknowledged])
        await store.check()
        await store.close()
        assert acknowledged <= {each.client.client_id for each in listed}
        assert all(len(each.credentials) == 1 for each in listed)
        assert set(revoked) == {f"jti:{each}" for each in acknowledged}
