"""What ends soon, what nobody uses and what was begun and not finished is told in time."""

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.credentials import add_secret
from tokenbooth.management.clients.reminders import list_reminders
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.errors import Missing
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rights import ROLES
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import CredentialUse

DAY = 86_400.0


@pytest.fixture(autouse=True)
async def _client(booth: Booth) -> None:
    await create_account(booth, name="acme")
    await create_client(booth, client_id="app", apis=["persons"], account="acme")
    await create_client(booth, client_id="other", apis=["persons"])


async def told(booth: Booth, **asked: object) -> list[tuple[str, str]]:
    return [(each.kind, each.client_id) for each in await list_reminders(booth, **asked)]  # type: ignore[arg-type]  # each test passes what it asks


async def test_what_is_new_and_endless_is_nothing_to_remind_of(booth: Booth) -> None:
    assert await told(booth) == []


async def test_tells_what_ends_within_the_time_that_is_asked_for(
    booth: Booth, clock: TravelClock
) -> None:
    await add_secret(booth, "app", expires_in=20 * DAY, label="blue")

    (reminder,) = await list_reminders(booth)

    assert (reminder.kind, reminder.label, reminder.account) == ("expires_soon", "blue", "acme")
    assert await told(booth, within=10 * DAY) == []
    clock.travel(20 * DAY)
    assert await told(booth) == []  # it has ended: nothing can be done in time any more


async def test_tells_what_nobody_uses_and_what_is_used_not(
    booth: Booth, clock: TravelClock
) -> None:
    registered = await booth.store.get_client("default", "app")
    assert registered is not None
    clock.travel(31 * DAY)
    await booth.store.record_uses(
        [
            CredentialUse(
                issuer="default",
                client_id="app",
                credential_id=registered.credentials[0].id,
                at=clock.now(),
                source="192.0.2.7",
            )
        ]
    )

    assert await told(booth) == [("unused", "other")]
    assert await told(booth, unused_for=40 * DAY) == []


async def test_tells_of_a_rotation_that_is_not_finished(booth: Booth) -> None:
    await rotate_secret(booth, "app")

    assert await told(booth) == [("rotation_unfinished", "app")]


async def test_an_account_is_reminded_of_its_own_alone(booth: Booth) -> None:
    for client_id in ("app", "other"):
        await rotate_secret(booth, client_id)
    ann = booth.acting_as(Actor(kind="member", rights=ROLES["member"], account="acme"))

    assert await told(ann) == [("rotation_unfinished", "app")]
    assert await told(booth, account="acme") == [("rotation_unfinished", "app")]
    with pytest.raises(Missing):
        await told(ann, account="beta")
