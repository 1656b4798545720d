from datetime import timedelta

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.credentials import (
    CredentialView,
    add_secret,
    list_credentials,
)
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.errors import BadInput
from tokenbooth.management.moments import moment
from tokenbooth.server.bootstrap import Booth

DAY = 86_400.0


async def credentials(booth: Booth) -> tuple[CredentialView, ...]:
    return await list_credentials(booth, "my-app")


@pytest.fixture(autouse=True)
async def _client(booth: Booth, clock: TravelClock) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])
    clock.travel(1)


async def test_after_a_rotation_both_secrets_are_valid_until_the_overlap_ends(
    booth: Booth, clock: TravelClock
) -> None:
    await rotate_secret(booth, "my-app", overlap=DAY)

    assert [each.status for each in await credentials(booth)] == ["valid", "valid"]
    clock.travel(DAY)
    assert [each.status for each in await credentials(booth)] == ["expired", "valid"]


async def test_a_rotation_never_lengthens_the_life_of_an_older_secret(
    booth: Booth, clock: TravelClock
) -> None:
    added = await add_secret(booth, "my-app", expires_in=60)
    clock.travel(1)

    await rotate_secret(booth, "my-app", overlap=DAY)

    _, older, _ = await credentials(booth)
    assert older.id == added.credential_id
    assert older.expires_at == added.expires_at


async def test_a_second_rotation_leaves_expired_secrets_alone(
    booth: Booth, clock: TravelClock
) -> None:
    first = await rotate_secret(booth, "my-app", overlap=60)
    clock.travel(120)

    second = await rotate_secret(booth, "my-app", overlap=60)

    assert [each.id for each in second.ending] == [first.new.credential_id]


async def test_a_secret_expires_when_it_was_told_to(booth: Booth, clock: TravelClock) -> None:
    added = await add_secret(booth, "my-app", label="blue", expires_in=90)

    assert added.expires_at == moment(clock.now()) + timedelta(seconds=90)


@pytest.mark.parametrize("seconds", [0, -1, 101 * 365 * DAY])
async def test_a_validity_that_makes_no_sense_is_refused(booth: Booth, seconds: float) -> None:
    with pytest.raises(BadInput):
        await add_secret(booth, "my-app", expires_in=seconds)


@pytest.mark.parametrize("overlap", [-1, 101 * 365 * DAY])
async def test_an_overlap_that_makes_no_sense_is_refused(booth: Booth, overlap: float) -> None:
    with pytest.raises(BadInput):
        await rotate_secret(booth, "my-app", overlap=overlap)

    assert len(await credentials(booth)) == 1
