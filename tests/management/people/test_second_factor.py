"""The second factor: adding an app, its codes once each, and recovery codes."""

import asyncio
import re
from base64 import b32decode

import pytest

from tests.management.people.people import HOME, PASSWORD, add, events_of, first_operator
from tokenbooth.management.errors import BadInput, Conflict, SignInRefused, TooManyAttempts
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.second_factor import (
    begin_enrolment,
    clean_code,
    enrolment_again,
    finish_enrolment,
    new_recovery_codes,
    remove_second_factor,
)
from tokenbooth.management.people.sessions import SignedIn, acting_as
from tokenbooth.management.people.sign_in import CodeNeeded, finish_sign_in, sign_in
from tokenbooth.protocol.one_time_code import code_at, step_at

pytestmark = pytest.mark.usefixtures("cheap_hashes")


class Ann:
    """A member with an app on her phone."""

    def __init__(self, booth, member):
        self.plain, self.member = booth, member
        self.booth = acting_as(booth, member, HOME)
        self.secret = b""
        self.recovery = ()

    async def now(self):
        return await self.plain.store.get_member(self.member.id)

    async def enrol(self):
        enrolment = begin_enrolment(self.booth, await self.now())
        self.secret = secret_of(enrolment)
        self.recovery = await finish_enrolment(
            self.booth,
            await self.now(),
            unverified_sealed=enrolment.sealed.reveal(),
            code=self.code(),
        )

    def code(self, later=0):
        return code_at(self.secret, step_at(self.plain.clock.now()) + later)

    async def ticket(self):
        needed = await sign_in(self.plain, email=self.member.email, password=PASSWORD, visitor=HOME)
        assert isinstance(needed, CodeNeeded)
        return needed.ticket.reveal()

    async def finish(self, code, ticket=None):
        ticket = ticket or await self.ticket()
        return await finish_sign_in(self.plain, unverified_ticket=ticket, code=code, visitor=HOME)


def secret_of(enrolment):
    return b32decode(enrolment.secret.reveal().replace(" ", ""))


@pytest.fixture
async def ann(booth):
    await first_operator(booth)
    await create_account(booth, name="acme")
    ann = Ann(booth, (await add(booth, "ann@example.com", "member", "acme")).member)
    await ann.enrol()
    return ann


async def test_a_code_is_asked_after_the_password(ann, clock):
    clock.travel(30)

    signed_in = await ann.finish(ann.code())

    assert isinstance(signed_in, SignedIn)
    assert (await events_of(ann.plain, "signed_in"))[-1].details == {
        "how": "password, app",
        "second_factor": True,
    }


async def test_a_code_may_come_along_with_the_password(ann, clock):
    clock.travel(30)

    assert isinstance(
        await sign_in(
            ann.plain, email="ann@example.com", password=PASSWORD, visitor=HOME, code=ann.code()
        ),
        SignedIn,
    )


async def test_the_code_that_added_the_app_signs_nobody_in(ann):
    with pytest.raises(SignInRefused):
        await ann.finish(ann.code())


async def test_a_code_is_used_once(ann, clock):
    clock.travel(60)
    assert await ann.finish(ann.code())

    with pytest.raises(SignInRefused):
        await ann.finish(ann.code())
    with pytest.raises(SignInRefused):
        await ann.finish(ann.code(-1))


async def test_of_two_who_show_one_code_one_gets_in(ann, clock):
    clock.travel(60)
    tickets = [await ann.ticket() for _ in range(4)]

    outcomes = await asyncio.gather(
        *(ann.finish(ann.code(), ticket) for ticket in tickets), return_exceptions=True
    )

    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    assert sum(isinstance(each, SignInRefused) for each in outcomes) == 3


@pytest.mark.parametrize("later", [-1, 0, 1])
async def test_clocks_may_differ_by_a_step(ann, clock, later):
    clock.travel(90)

    assert await ann.finish(ann.code(later))


@pytest.mark.parametrize("later", [-2, 2])
async def test_clocks_may_differ_by_no_more(ann, clock, later):
    clock.travel(90)

    with pytest.raises(SignInRefused):
        await ann.finish(ann.code(later))


async def test_codes_are_not_guessed(ann, clock):
    clock.travel(60)
    ticket = await ann.ticket()
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await ann.finish("000000", ticket)

    with pytest.raises(TooManyAttempts):
        await ann.finish(ann.code(), ticket)
    refused = [each.reason for each in await events_of(ann.plain, "sign_in_refused")]
    assert sorted(refused) == ["too_many_attempts"] + ["wrong_code"] * 5


async def test_a_ticket_is_good_for_ten_minutes(ann, clock):
    ticket = await ann.ticket()
    clock.travel(600)

    with pytest.raises(SignInRefused, match="too long"):
        await ann.finish(ann.code(), ticket)


@pytest.mark.parametrize("ticket", ["x", "tbk_AAAA", "tbd_", "ü", "x" * 20_000])
async def test_a_made_up_ticket_is_refused(ann, ticket):
    with pytest.raises(SignInRefused, match="Sign in again"):
        await ann.finish(ann.code(), ticket)


async def test_a_ticket_ends_with_what_it_was_given_for(ann, clock):
    ticket = await ann.ticket()
    await remove_second_factor(ann.booth, await ann.now())
    await ann.enrol()
    clock.travel(60)

    with pytest.raises(SignInRefused, match="Sign in again"):
        await ann.finish(ann.code(), ticket)


async def test_a_recovery_code_is_as_good_and_used_once(ann):
    first, second = (each.reveal() for each in ann.recovery[:2])

    assert await ann.finish(first)
    assert len((await ann.now()).recovery_codes) == 9
    with pytest.raises(SignInRefused):
        await ann.finish(first)
    assert await ann.finish(second.upper().replace("-", " "))


async def test_of_two_who_show_one_recovery_code_one_gets_in(ann):
    tickets = [await ann.ticket() for _ in range(4)]
    code = ann.recovery[0].reveal()

    outcomes = await asyncio.gather(
        *(ann.finish(code, ticket) for ticket in tickets), return_exceptions=True
    )

    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1


async def test_recovery_codes_are_ten_and_stored_as_digests(ann):
    stored = repr((await ann.now()).recovery_codes)

    assert len({each.reveal() for each in ann.recovery}) == 10
    assert not any(each.reveal().replace("-", "") in stored for each in ann.recovery)


async def test_new_recovery_codes_end_the_old(ann):
    new = await new_recovery_codes(ann.booth, await ann.now())

    with pytest.raises(SignInRefused):
        await ann.finish(ann.recovery[0].reveal())
    assert await ann.finish(new[0].reveal())


async def test_without_the_factor_the_password_is_enough(ann):
    await remove_second_factor(ann.booth, await ann.now())

    assert isinstance(
        await sign_in(ann.plain, email="ann@example.com", password=PASSWORD, visitor=HOME),
        SignedIn,
    )
    with pytest.raises(Conflict):
        await new_recovery_codes(ann.booth, await ann.now())
    await remove_second_factor(ann.booth, await ann.now())
    assert len(await events_of(ann.plain, "second_factor_removed")) == 1


async def test_there_is_one_app(ann):
    with pytest.raises(Conflict):
        begin_enrolment(ann.booth, await ann.now())
    with pytest.raises(Conflict):
        await finish_enrolment(ann.booth, await ann.now(), unverified_sealed="x", code="1")


async def test_an_app_is_added_by_the_code_that_it_shows(booth):
    member = (await first_operator(booth)).member
    enrolment = begin_enrolment(booth, member)
    sealed = enrolment.sealed.reveal()

    with pytest.raises(BadInput, match="does not fit"):
        await finish_enrolment(booth, member, unverified_sealed=sealed, code="000000")
    assert enrolment_again(booth, member, sealed) == enrolment
    assert (await booth.store.get_member(member.id)).totp is None


@pytest.mark.parametrize("sealed", ["", "tbe_", "tbe_AAAA", "é", "x" * 20_000])
async def test_a_made_up_page_adds_nothing(booth, sealed):
    member = (await first_operator(booth)).member

    with pytest.raises(BadInput, match="anew"):
        await finish_enrolment(booth, member, unverified_sealed=sealed, code="123456")


async def test_a_page_adds_nothing_for_another_member_or_too_late(booth, clock):
    op = (await first_operator(booth)).member
    other = (await add(booth, "two@example.com", "operator")).member
    enrolment = begin_enrolment(booth, op)
    code = code_at(secret_of(enrolment), step_at(clock.now()))

    with pytest.raises(BadInput):
        await finish_enrolment(booth, other, unverified_sealed=enrolment.sealed.reveal(), code=code)
    clock.travel(900)
    with pytest.raises(BadInput):
        enrolment_again(booth, op, enrolment.sealed.reveal())


async def test_the_secret_is_shown_as_text_address_and_picture(booth):
    member = (await first_operator(booth)).member

    enrolment = begin_enrolment(booth, member)

    assert re.fullmatch(r"[A-Z2-7]{4}( [A-Z2-7]{4}){7}", enrolment.secret.reveal())
    assert enrolment.uri.reveal().startswith("otpauth://totp/Tokenbooth:op@example.com?secret=")
    assert enrolment.qr_svg.reveal().startswith("<svg")
    assert "style=" not in enrolment.qr_svg.reveal()
    assert "***" in repr(enrolment)
    assert enrolment.secret.reveal() not in repr(enrolment)


@pytest.mark.parametrize("code", ["123 456", " 123456 ", "123-456", "123\u00a0456"])
def test_a_code_is_read_however_it_is_grouped(code):
    assert clean_code(code) == "123456"
