"""Nobody's change is lost, however many people and programs change a client at once."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tokenbooth.management.clients.access import grant, withdraw
from tokenbooth.management.clients.client_changes import ClientChanges, change_client
from tokenbooth.management.clients.clients import (
    create_client,
    revoke_tokens,
    set_enabled,
    show_client,
)
from tokenbooth.management.clients.credentials import change_credential, list_credentials
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.errors import Outdated
from tokenbooth.management.revise import revise
from tokenbooth.management.service.apis import create_api
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.stores.contract import Stale

APIS = 8
# Each process grants access to one API of its own and then says so in a claim of its own.
WORKER = """
import asyncio, sys
from tokenbooth.management.clients.access import grant
from tokenbooth.management.clients.client_changes import ClientChanges, change_client
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

async def main(database, number):
    booth = await open_booth(Settings(database=database))
    await grant(booth, "ada", api=f"api-{number}")
    await change_client(booth, "ada", ClientChanges(claims_merged={f"claim{number}": number}))
    await booth.close()

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


@pytest.fixture(autouse=True)
async def _client(booth: Booth) -> None:
    for number in range(APIS):
        audience = f"https://api-{number}.example.com"
        await create_api(booth, name=f"api-{number}", audience=audience, scopes="x")
    await create_client(booth, client_id="ada", apis=["persons"])


async def test_changes_through_several_booths_at_once_all_survive(booth: Booth) -> None:
    others = [await open_booth(booth.settings, clock=booth.clock) for _ in range(3)]
    booths = [booth, *others]

    await asyncio.gather(
        *(
            grant(booths[number % 4], "ada", api=f"api-{number}", scope="x")
            for number in range(APIS)
        ),
        set_enabled(booths[1], "ada", enabled=False),
        change_client(booths[2], "ada", ClientChanges(name="Ada")),
        change_client(booths[3], "ada", ClientChanges(description="Counts")),
        withdraw(booths[0], "ada", api="persons"),
    )

    client = await show_client(booth, "ada")
    assert {each.api for each in client.access} == {f"api-{number}" for number in range(APIS)}
    assert (client.enabled, client.name, client.policy.description) == (False, "Ada", "Counts")
    for other in others:
        await other.close()


async def test_changes_by_several_processes_at_once_all_survive(
    booth: Booth, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", WORKER, booth.settings.database]
    workers = [
        await asyncio.create_subprocess_exec(*arguments, str(number), stderr=subprocess.PIPE)
        for number in range(4)
    ]
    for worker in workers:
        _, errors = await worker.communicate()
        assert worker.returncode == 0, errors.decode()

    client = await show_client(booth, "ada")
    assert {each.api for each in client.access} >= {f"api-{number}" for number in range(4)}
    assert dict(client.policy.claims) == {f"claim{number}": str(number) for number in range(4)}


async def test_rotations_at_once_leave_every_new_secret_and_end_the_old_one(booth: Booth) -> None:
    await asyncio.gather(*(rotate_secret(booth, "ada") for _ in range(4)))

    credentials = await list_credentials(booth, "ada")
    assert len(credentials) == 5
    # The secret of the last rotation alone is replaced by none.
    assert len([each for each in credentials if each.replaced_by is None]) == 1


async def test_who_edits_from_an_older_version_is_told_and_changes_nothing(booth: Booth) -> None:
    seen = (await show_client(booth, "ada")).version
    await change_client(booth, "ada", ClientChanges(name="first"), version=seen)

    for change in (
        change_client(booth, "ada", ClientChanges(name="second"), version=seen),
        set_enabled(booth, "ada", enabled=False, version=seen),
        grant(booth, "ada", api="orders", version=seen),
        withdraw(booth, "ada", api="persons", version=seen),
        revoke_tokens(booth, "ada", version=seen),
    ):
        with pytest.raises(Outdated):
            await change

    client = await show_client(booth, "ada")
    assert (client.name, client.enabled, len(client.access)) == ("first", True, 1)


async def test_of_two_who_edit_one_version_exactly_one_wins(booth: Booth) -> None:
    seen = (await show_client(booth, "ada")).version

    done = await asyncio.gather(
        *(
            change_client(booth, "ada", ClientChanges(name=f"by {who}"), version=seen)
            for who in range(5)
        ),
        return_exceptions=True,
    )

    assert len([each for each in done if isinstance(each, Outdated)]) == 4


async def test_who_edits_an_older_version_of_a_credential_is_told(booth: Booth) -> None:
    (before,) = await list_credentials(booth, "ada")
    await change_credential(booth, "ada", before.id, label="blue")

    with pytest.raises(Outdated):
        await change_credential(booth, "ada", before.id, label="red", version=before.version)

    assert [each.label for each in await list_credentials(booth, "ada")] == ["blue"]


async def test_who_always_loses_is_told_in_the_end() -> None:
    async def losing() -> None:
        raise Stale("again")

    with pytest.raises(Outdated, match="try again later"):
        await revise(losing)
