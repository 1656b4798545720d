from dataclasses import replace

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.errors import BadInput, Conflict, Missing
from tokenbooth.management.service.issuers import create_issuer, find_issuer
from tokenbooth.management.service.keys import (
    SHORTEST_LEAD,
    KeyView,
    list_keys,
    remove_key,
    rotate_key,
    schedule_keys,
)
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.keyring import IssuerKeys, Keyring, new_signing_key
from tokenbooth.server.records import DEFAULT_ISSUER

DAY = 86_400


async def signing(booth: Booth, issuer: str = DEFAULT_ISSUER) -> list[KeyView]:
    return [key for key in await list_keys(booth, issuer=issuer) if key.purpose == "sign"]


async def statuses(booth: Booth) -> list[str]:
    return [key.status for key in await signing(booth)]


async def in_use(booth: Booth, issuer: str = DEFAULT_ISSUER) -> IssuerKeys:
    return Keyring(booth.vault).as_of(booth.clock.now(), issuer, await booth.store.list_keys())


async def current(booth: Booth) -> str:
    keys = await in_use(booth)
    assert keys.signing is not None
    return keys.signing.public.kid


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


async def test_the_current_key_is_the_one_that_signs(booth: Booth) -> None:
    keys = await in_use(booth)

    listed = {key.kid for key in await list_keys(booth) if key.status == "current"}

    assert keys.signing is not None
    assert keys.sealing is not None
    assert listed == {keys.signing.public.kid, keys.sealing.kid}


async def test_the_services_own_pepper_is_not_among_the_keys(booth: Booth) -> None:
    assert {key.purpose for key in await list_keys(booth)} == {"sign", "seal"}


async def test_a_rotation_publishes_the_key_as_far_ahead_as_the_schedule(
    booth: Booth, clock: TravelClock
) -> None:
    before = await current(booth)

    made = await rotate_key(booth, issuer=DEFAULT_ISSUER)

    keys = await in_use(booth)
    assert made.status == "next"
    assert {key.kid for key in keys.published} == {before, made.kid}
    clock.travel(DAY - 1)
    assert await current(booth) == before
    clock.travel(1)
    assert await current(booth) == made.kid


async def test_even_at_once_every_node_has_the_key_before_it_is_used(
    booth: Booth, clock: TravelClock
) -> None:
    made = await rotate_key(booth, issuer=DEFAULT_ISSUER, lead=0)

    assert await current(booth) != made.kid
    clock.travel(SHORTEST_LEAD)
    assert await current(booth) == made.kid


async def test_a_second_rotation_uses_the_next_key_sooner(booth: Booth, clock: TravelClock) -> None:
    planned = await rotate_key(booth, issuer=DEFAULT_ISSUER)

    hastened = await rotate_key(booth, issuer=DEFAULT_ISSUER, lead=900)

    assert hastened.kid == planned.kid
    assert len(await signing(booth)) == 2
    clock.travel(900)
    assert await current(booth) == planned.kid


async def test_another_algorithm_takes_over_while_older_tokens_verify(
    booth: Booth, clock: TravelClock
) -> None:
    before = await current(booth)
    unwanted = await rotate_key(booth, issuer=DEFAULT_ISSUER)

    made = await rotate_key(booth, issuer=DEFAULT_ISSUER, alg="EdDSA", lead=900)

    clock.travel(900)
    keys = await in_use(booth)
    assert await current(booth) == made.kid
    assert {(key.kid, key.alg) for key in keys.published} == {
        (before, "ES256"),
        (made.kid, "EdDSA"),
    }
    assert unwanted.kid not in {key.kid for key in await signing(booth)}
    assert (await find_issuer(booth, DEFAULT_ISSUER)).alg == "EdDSA"


async def test_a_sealing_key_rotates_too_and_the_older_one_opens(
    booth: Booth, clock: TravelClock
) -> None:
    before = (await in_use(booth)).sealing

    made = await rotate_key(booth, issuer=DEFAULT_ISSUER, sealing=True, lead=0)

    clock.travel(SHORTEST_LEAD)
    keys = await in_use(booth)
    assert keys.sealing is not None
    assert before is not None
    assert keys.sealing.kid == made.kid
    assert before.kid in {key.kid for key in keys.opening}


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"alg": "HS256"}, "one of"),
        ({"sealing": True, "alg": "EdDSA"}, "no algorithm"),
        ({"sealing": True, "signer": "database"}, "no algorithm"),
        ({"lead": -1}, "30 days"),
        ({"lead": 31 * DAY}, "30 days"),
        ({"signer": "hsm"}, "pkcs11:"),
        ({"signer": "pkcs11:token=a?module-path=/x&pin-value=1234"}, "PIN has no place"),
    ],
)
async def test_a_rotation_that_cannot_be_changes_nothing(
    booth: Booth, wish: dict[str, object], word: str
) -> None:
    before = await booth.store.revision()

    with pytest.raises(BadInput, match=word):
        await rotate_key(booth, issuer=DEFAULT_ISSUER, **wish)  # type: ignore[arg-type]

    assert await booth.store.revision() == before


async def test_a_key_that_tokens_may_need_is_not_removed(booth: Booth, clock: TravelClock) -> None:
    first = await current(booth)
    with pytest.raises(Conflict, match=r"current.*--force"):
        await remove_key(booth, first)
    await rotate_key(booth, issuer=DEFAULT_ISSUER, lead=0)
    clock.travel(SHORTEST_LEAD)

    with pytest.raises(Conflict, match=r"retired.*--force"):
        await remove_key(booth, first)

    clock.travel(DAY)
    assert (await remove_key(booth, first)).status == "expired"


async def test_a_next_key_is_removed_and_the_current_one_goes_on(
    booth: Booth, clock: TravelClock
) -> None:
    first = await current(booth)
    made = await rotate_key(booth, issuer=DEFAULT_ISSUER, lead=900)

    await remove_key(booth, made.kid)

    clock.travel(DAY)
    assert await current(booth) == first


async def test_a_key_that_is_pulled_is_replaced_at_once_and_published_no_more(booth: Booth) -> None:
    first = await current(booth)

    await remove_key(booth, first, force=True)

    keys = await in_use(booth)
    assert await current(booth) != first
    assert first not in {key.kid for key in keys.published}


async def test_guards_hear_of_a_pulled_key_and_of_no_other(
    booth: Booth, clock: TravelClock
) -> None:
    first = await current(booth)
    made = await rotate_key(booth, issuer=DEFAULT_ISSUER)
    await remove_key(booth, made.kid)

    await remove_key(booth, first, force=True)

    page = await booth.store.revocations_since(DEFAULT_ISSUER, 0, now=clock.now(), limit=10)
    assert page is not None
    assert [each.key for each in page.revocations] == [f"key:{first}"]


async def test_the_next_key_stands_in_for_one_that_is_pulled(booth: Booth) -> None:
    made = await rotate_key(booth, issuer=DEFAULT_ISSUER)

    await remove_key(booth, await current(booth), force=True)

    assert await current(booth) == made.kid


async def test_an_unknown_key_is_missing(booth: Booth) -> None:
    await create_issuer(booth, name="sandbox")
    with pytest.raises(Missing):
        await remove_key(booth, "nobody")
    with pytest.raises(Missing):
        await remove_key(booth, await current(booth), issuer="sandbox")
    with pytest.raises(Missing):
        await rotate_key(booth, issuer="nowhere")


async def test_a_schedule_is_shown_and_changed(booth: Booth) -> None:
    before = await schedule_keys(booth, issuer=DEFAULT_ISSUER)
    assert (before.lifetime_days, before.publish_ahead) == (90, DAY)

    await schedule_keys(booth, issuer=DEFAULT_ISSUER, lifetime_days=30, publish_ahead=2 * DAY)

    after = await schedule_keys(booth, issuer=DEFAULT_ISSUER)
    assert (after.lifetime_days, after.publish_ahead) == (30, 2 * DAY)


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"lifetime_days": 0}, "1 day"),
        ({"lifetime_days": 4000}, "10 years"),
        ({"publish_ahead": 60}, "15 minutes"),
        ({"lifetime_days": 1, "publish_ahead": DAY}, "half"),
    ],
)
async def test_a_schedule_that_verifiers_could_not_follow_is_refused(
    booth: Booth, wish: dict[str, int], word: str
) -> None:
    with pytest.raises(BadInput, match=word):
        await schedule_keys(booth, issuer=DEFAULT_ISSUER, **wish)
