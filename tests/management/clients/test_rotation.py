"""A secret is replaced without an outage: one sees who is left, finishes, or goes back."""

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.credentials import (
    add_secret,
    change_credential,
    list_credentials,
    remove_credential,
)
from tokenbooth.management.clients.rotation import (
    cancel_rotation,
    finish_rotation,
    rotate_secret,
    rotation_status,
)
from tokenbooth.management.errors import Conflict, Missing
from tokenbooth.management.moments import moment
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import CredentialUse

DAY = 86_400.0
HOUR = 3600.0


@pytest.fixture
async def old(booth: Booth, clock: TravelClock) -> str:
    made = await create_client(booth, client_id="app", apis=["persons"])
    clock.travel(1)
    return made.client.credentials[0].id


async def use(booth: Booth, credential_id: str, source: str = "192.0.2.7") -> None:
    await booth.store.record_uses(
        [
            CredentialUse(
                issuer="default",
                client_id="app",
                credential_id=credential_id,
                at=booth.clock.now(),
                source=source,
                agent="curl/8",
            )
        ]
    )


async def recorded(booth: Booth) -> list[str]:
    entries = await booth.store.list_events(EventFilter(client_id="app"))
    return [each.event.type for each in reversed(entries)]


async def test_without_a_rotation_there_is_nothing_to_tell(booth: Booth, old: str) -> None:
    for work in (rotation_status, finish_rotation, cancel_rotation):
        with pytest.raises(Missing, match="being rotated"):
            await work(booth, "app")


async def test_the_status_tells_which_hosts_still_use_the_old_secret(
    booth: Booth, old: str, clock: TravelClock
) -> None:
    new = (await rotate_secret(booth, "app")).new.credential_id
    await use(booth, old, "192.0.2.8")
    clock.travel(HOUR)
    await use(booth, new, "192.0.2.7")
    used = clock.now()

    status = await rotation_status(booth, "app")

    assert status.new.credential.id == new
    assert status.new.used_since == moment(used)
    (left,) = status.old
    assert (left.credential.id, left.credential.replaced_by) == (old, new)
    assert [(each.source, each.agent, each.count) for each in left.hosts] == [
        ("192.0.2.8", "curl/8", 1)
    ]
    assert not status.is_safe_to_finish
    assert "192.0.2.8" in status.why
    assert status.safe_at == moment(used - HOUR + DAY)


async def test_an_old_secret_can_go_once_the_new_one_is_used_and_it_was_quiet(
    booth: Booth, old: str, clock: TravelClock
) -> None:
    new = (await rotate_secret(booth, "app", overlap=30 * DAY)).new.credential_id
    unused = await rotation_status(booth, "app", quiet=HOUR)
    await use(booth, old)
    await use(booth, new)
    lately = await rotation_status(booth, "app", quiet=HOUR)
    with pytest.raises(Conflict, match="lately"):
        await finish_rotation(booth, "app", quiet=HOUR)
    clock.travel(HOUR)

    finished = await finish_rotation(booth, "app", quiet=HOUR)

    assert (unused.is_safe_to_finish, lately.is_safe_to_finish) == (False, False)
    assert unused.why == "Nobody has used the new secret yet."
    assert finished.is_safe_to_finish
    assert [each.id for each in await list_credentials(booth, "app")] == [new]
    assert (await recorded(booth))[-2:] == ["rotation_started", "rotation_finished"]


async def test_an_old_secret_that_nobody_ever_used_can_go_at_once(booth: Booth, old: str) -> None:
    new = (await rotate_secret(booth, "app")).new.credential_id
    await use(booth, new)

    assert (await rotation_status(booth, "app")).is_safe_to_finish


async def test_an_old_secret_that_has_ended_can_go(
    booth: Booth, old: str, clock: TravelClock
) -> None:
    await rotate_secret(booth, "app", overlap=HOUR)
    clock.travel(HOUR)

    status = await finish_rotation(booth, "app")

    assert "have ended" in status.why


async def test_finishing_can_be_forced_and_end_the_tokens(booth: Booth, old: str) -> None:
    await rotate_secret(booth, "app")

    await finish_rotation(booth, "app", force=True, revoke_tokens=True)

    assert await booth.store.find_revoked("default", [f"credential:{old}"])


async def test_cancelling_gives_the_old_secret_its_former_end_back(
    booth: Booth, clock: TravelClock
) -> None:
    await create_client(booth, client_id="app", apis=["persons"])
    limited = await add_secret(booth, "app", expires_in=90 * DAY)
    before = {each.id: each.expires_at for each in await list_credentials(booth, "app")}
    await rotate_secret(booth, "app", overlap=HOUR)

    left = await cancel_rotation(booth, "app")

    assert {each.id: each.expires_at for each in left} == before
    assert before[limited.credential_id] is not None
    assert await list_credentials(booth, "app") == left
    with pytest.raises(Missing):
        await rotation_status(booth, "app")
    assert (await recorded(booth))[-1] == "rotation_cancelled"


async def test_a_rotation_whose_new_secret_is_in_use_is_cancelled_only_by_force(
    booth: Booth, old: str
) -> None:
    new = (await rotate_secret(booth, "app")).new.credential_id
    await use(booth, new)

    with pytest.raises(Conflict, match=r"in use, last from 192\.0\.2\.7"):
        await cancel_rotation(booth, "app")
    left = await cancel_rotation(booth, "app", force=True)

    assert [each.id for each in left] == [old]


async def test_what_has_ended_does_not_come_back(
    booth: Booth, old: str, clock: TravelClock
) -> None:
    await rotate_secret(booth, "app", overlap=HOUR)
    clock.travel(HOUR)

    with pytest.raises(Conflict, match="has ended"):
        await cancel_rotation(booth, "app", force=True)


async def test_two_rotations_in_a_row_are_finished_together_and_cancelled_one_by_one(
    booth: Booth, old: str
) -> None:
    first = (await rotate_secret(booth, "app")).new.credential_id
    second = (await rotate_secret(booth, "app")).new.credential_id

    status = await rotation_status(booth, "app")
    await cancel_rotation(booth, "app")

    assert status.new.credential.id == second
    assert {each.credential.id for each in status.old} == {old, first}
    assert (await rotation_status(booth, "app")).new.credential.id == first


async def test_removing_the_new_secret_by_hand_leaves_no_rotation_behind(
    booth: Booth, old: str
) -> None:
    new = (await rotate_secret(booth, "app")).new.credential_id

    (left,) = await remove_credential(booth, "app", new)

    assert (left.id, left.replaced_by) == (old, None)


async def test_whoever_says_when_a_secret_ends_takes_it_out_of_its_rotation(
    booth: Booth, old: str, clock: TravelClock
) -> None:
    await rotate_secret(booth, "app")

    kept = await change_credential(booth, "app", old, expires_at=None)

    assert (kept.expires_at, kept.replaced_by) == (None, None)
