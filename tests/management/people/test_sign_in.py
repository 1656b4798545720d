"""Signing in: one answer for everybody who could not prove it, and ever longer waits."""

import asyncio
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from tests.management.people.people import HOME, PASSWORD, add, events_of, first_operator
from tokenbooth.management.errors import SignInRefused, TooManyAttempts
from tokenbooth.management.people import passwords
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.members import disable_member
from tokenbooth.management.people.passwords import is_outdated
from tokenbooth.management.people.sessions import Visitor
from tokenbooth.management.people.sign_in import REFUSED, CodeNeeded, prove_again, sign_in
from tokenbooth.protocol.secret import Secret

pytestmark = pytest.mark.usefixtures("cheap_hashes")

WRONG = Secret("wrong horse battery")


@pytest.fixture
async def ann(booth):
    await first_operator(booth)
    await create_account(booth, name="acme")
    return (await add(booth, "ann@example.com", "member", "acme")).member


async def attempt(booth, *, email="ann@example.com", password=PASSWORD, visitor=HOME):
    return await sign_in(booth, email=email, password=password, visitor=visitor)


async def test_the_right_password_signs_in(booth, ann):
    signed_in = await attempt(booth)

    assert signed_in.member.email == "ann@example.com"
    assert (await booth.store.get_member(ann.id)).last_sign_in_at == booth.clock.now()


async def test_an_email_is_the_same_in_any_case_of_letters(booth, ann):
    assert await attempt(booth, email=" Ann@Example.COM ")


async def test_unknown_disabled_and_wrong_get_one_answer(booth, ann):
    await add(booth, "bob@example.com", "member", "acme")
    await disable_member(booth, "bob@example.com")
    texts = set()
    for email, password in (
        ("ann@example.com", WRONG),
        ("nobody@example.com", PASSWORD),
        ("bob@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", Secret("")),
    ):
        with pytest.raises(SignInRefused) as refused:
            await attempt(booth, email=email, password=password)
        texts.add(str(refused.value))

    assert texts == {REFUSED}


async def test_every_refusal_costs_one_hash(booth, ann, monkeypatch):
    await add(booth, "bob@example.com", "member", "acme")
    await disable_member(booth, "bob@example.com")
    counted = []
    real = passwords._matches

    def counting(*given):
        counted.append(given)
        return real(*given)

    monkeypatch.setattr(passwords, "_matches", counting)
    for email in ("ann@example.com", "nobody@example.com", "bob@example.com", "no address"):
        counted.clear()
        with pytest.raises(SignInRefused):
            await attempt(booth, email=email, password=WRONG)
        assert len(counted) == 1


async def test_a_refusal_is_in_the_trail_with_its_reason(booth, ann):
    for email in ("ann@example.com", "nobody@example.com", "my secret password"):
        with pytest.raises(SignInRefused):
            await attempt(booth, email=email, password=WRONG)

    found = await events_of(booth, "sign_in_refused")
    assert [(each.reason, each.subject, each.account) for each in found] == [
        ("wrong_password", "ann@example.com", "acme"),
        ("unknown_email", "nobody@example.com", None),
        ("no_email", None, None),
    ]
    assert {each.actor for each in found} == {"visitor"}
    assert {each.source for each in found} == {"192.0.2.7"}


async def test_a_sign_in_is_in_the_trail(booth, ann):
    await attempt(booth)

    event = (await events_of(booth, "signed_in"))[-1]
    assert event.actor == "member:ann@example.com"
    assert event.account == "acme"
    assert event.details == {"how": "password", "second_factor": False}


async def test_guessing_is_slowed_ever_more(booth, ann, clock):
    waits = []
    for _ in range(9):
        try:
            await attempt(booth, password=WRONG)
        except SignInRefused:
            waits.append(0)
        except TooManyAttempts as refused:
            waits.append(refused.seconds)
            clock.travel(refused.seconds)

    assert waits == [0, 0, 0, 0, 0, 1, 0, 2, 0]


async def test_the_wait_is_the_same_for_an_email_that_nobody_has(booth, ann):
    waits = set()
    for email in ("ann@example.com", "nobody@example.com"):
        for _ in range(5):
            with pytest.raises(SignInRefused):
                await attempt(booth, email=email, password=WRONG)
        with pytest.raises(TooManyAttempts) as refused:
            await attempt(booth, email=email, password=PASSWORD)
        waits.add((str(refused.value), refused.value.seconds))

    assert len(waits) == 1


async def test_those_who_guess_at_once_get_no_more_attempts(booth, ann):
    outcomes = await asyncio.gather(
        *(attempt(booth, password=WRONG) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(each, SignInRefused) for each in outcomes) == 5
    assert sum(isinstance(each, TooManyAttempts) for each in outcomes) == 15


async def test_strangers_elsewhere_lock_nobody_out(booth, ann):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG, visitor=Visitor(source="198.51.100.9"))

    assert await attempt(booth)


async def test_a_known_browser_signs_in_while_its_network_is_slowed(booth, ann):
    device = (await attempt(booth)).device.reveal()
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG)
    with pytest.raises(TooManyAttempts):
        await attempt(booth)

    assert await attempt(booth, visitor=Visitor(source="192.0.2.7", device=device))


async def test_a_known_browser_is_slowed_for_itself(booth, ann):
    device = (await attempt(booth)).device.reveal()
    visitor = Visitor(source="192.0.2.7", device=device)
    for _ in range(10):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG, visitor=visitor)

    with pytest.raises(TooManyAttempts):
        await attempt(booth, visitor=visitor)


@pytest.mark.parametrize("device", ["", "tbd_", "tbd_AAAA", "x" * 20_000, "tbd_\u00e9"])
async def test_a_made_up_device_is_no_known_one(booth, ann, device):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG, visitor=Visitor(source="192.0.2.7", device=device))

    with pytest.raises(TooManyAttempts):
        await attempt(booth, visitor=Visitor(source="192.0.2.7", device=device))


async def test_the_device_of_one_member_is_unknown_for_another(booth, ann):
    await add(booth, "bob@example.com", "member", "acme")
    bobs = (await attempt(booth, email="bob@example.com")).device.reveal()
    visitor = Visitor(source="192.0.2.7", device=bobs)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG, visitor=visitor)

    with pytest.raises(TooManyAttempts):
        await attempt(booth, visitor=visitor)


async def test_one_network_cannot_try_many_members(booth, ann):
    for number in range(50):
        with pytest.raises(SignInRefused):
            await attempt(booth, email=f"nobody{number}@example.com", password=Secret(""))

    with pytest.raises(TooManyAttempts):
        await attempt(booth, email="nobody50@example.com")


async def test_many_networks_together_are_slowed_for_one_member(booth, ann):
    for number in range(200):
        visitor = Visitor(source=f"198.51.{number}.1")
        with pytest.raises(SignInRefused):
            await attempt(booth, password=Secret(""), visitor=visitor)

    with pytest.raises(TooManyAttempts) as refused:
        await attempt(booth, visitor=Visitor(source="203.0.113.1"))
    assert refused.value.seconds <= 30


async def test_a_success_takes_back_what_failed_before(booth, ann):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(SignInRefused):
                await attempt(booth, password=WRONG)
        assert await attempt(booth)


async def test_failures_are_forgiven_with_time(booth, ann, clock):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG)
    clock.travel(3 * 900)

    for _ in range(3):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG)
    with pytest.raises(TooManyAttempts):
        await attempt(booth, password=WRONG)


async def test_a_password_hashed_at_another_cost_is_hashed_anew(booth, ann):
    other_cost = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    stored = await booth.store.get_member(ann.id)
    other = replace(stored, password_hash=other_cost.hash(PASSWORD.reveal()))
    await booth.store.replace_member(other)

    assert await attempt(booth)

    now = (await booth.store.get_member(ann.id)).password_hash
    assert is_outdated(other.password_hash)
    assert not is_outdated(now)
    assert await attempt(booth)


async def test_an_old_password_signs_nobody_in_while_it_is_changed(booth, ann, monkeypatch):
    real = passwords.is_password

    async def slowly(*given):
        is_right = await real(*given)
        stored = await booth.store.get_member(ann.id)
        await booth.store.replace_member(
            replace(stored, password_hash="$argon2id$"), ending_sessions=True
        )
        return is_right

    monkeypatch.setattr(passwords, "is_password", slowly)
    with pytest.raises(SignInRefused, match="Sign in again"):
        await attempt(booth)
    assert await booth.store.list_sessions(ann.id) == ()


async def test_a_proof_is_renewed_by_the_password(booth, ann, clock):
    signed_in = await attempt(booth)
    clock.travel(3600)

    proved = await prove_again(
        booth, signed_in.session, signed_in.member, password=PASSWORD, visitor=HOME
    )

    assert proved.proved_at == clock.now()


async def test_a_proof_is_not_guessed(booth, ann):
    signed_in = await attempt(booth)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await prove_again(
                booth, signed_in.session, signed_in.member, password=WRONG, visitor=HOME
            )

    with pytest.raises(TooManyAttempts):
        await prove_again(
            booth, signed_in.session, signed_in.member, password=PASSWORD, visitor=HOME
        )


async def test_no_code_is_asked_without_a_second_factor(booth, ann):
    assert not isinstance(await attempt(booth), CodeNeeded)


async def test_metrics_count_who_got_in_and_who_did_not(booth, ann):
    def counted(*labels):
        (part,) = booth.metrics.numbers.parts()
        return part.series.get(("tokenbooth_sign_ins", *labels), (0,))[0]

    before = counted("succeeded", "")
    await attempt(booth)
    with pytest.raises(SignInRefused):
        await attempt(booth, password=WRONG)

    assert counted("succeeded", "") == before + 1
    assert counted("refused", "wrong_password") == 1


async def test_a_storm_of_attempts_is_one_entry_of_the_trail_a_window(booth, ann, clock):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await attempt(booth, password=WRONG)
    for _ in range(4):
        with pytest.raises(TooManyAttempts):
            await attempt(booth, password=WRONG)

    slowed = [
        each
        for each in await events_of(booth, "sign_in_refused")
        if each.reason == "too_many_attempts"
    ]
    assert [each.subject for each in slowed] == ["ann@example.com"]
