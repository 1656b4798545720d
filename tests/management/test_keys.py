from dataclasses import replace

from tokenbooth.clock import TravelClock
from tokenbooth.management.keys import list_keys
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.keyring import Keyring, new_signing_key
from tokenbooth.server.records import DEFAULT_ISSUER


async def statuses(booth: Booth) -> list[str]:
    return [key.status for key in await list_keys(booth) if key.purpose == "sign"]


async def test_a_key_is_next_then_current_and_its_forerunner_retires(
    booth: Booth, clock: TravelClock
) -> None:
    clock.travel(10)
    now = clock.now()
    await booth.store.add_key(
        new_signing_key(DEFAULT_ISSUER, "ES256", booth.vault, now=now, activates_at=now + 60)
    )

    assert await statuses(booth) == ["current", "next"]
    clock.travel(60)
    assert await statuses(booth) == ["retired", "current"]


async def test_a_key_past_its_end_is_expired(booth: Booth, clock: TravelClock) -> None:
    stored = [key for key in await booth.store.list_keys() if key.issuer == DEFAULT_ISSUER]
    await booth.store.replace_keys(
        [replace(key, retires_at=clock.now(), expires_at=clock.now() + 60) for key in stored]
    )

    assert await statuses(booth) == ["retired"]
    clock.travel(60)
    assert await statuses(booth) == ["expired"]


async def test_the_current_key_is_the_one_that_signs(booth: Booth, clock: TravelClock) -> None:
    keys = Keyring(booth.vault).as_of(clock.now(), DEFAULT_ISSUER, await booth.store.list_keys())

    current = {key.kid for key in await list_keys(booth) if key.status == "current"}

    assert keys.signing is not None
    assert keys.sealing is not None
    assert current == {keys.signing.public.kid, keys.sealing.kid}


async def test_the_services_own_pepper_is_not_among_the_keys(booth: Booth) -> None:
    assert {key.purpose for key in await list_keys(booth)} == {"sign", "seal"}
