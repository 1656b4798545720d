"""Signing in with email and password, and a code where the member has a second factor.

Nobody learns here who is a member: unknown, disabled and wrong give one answer after the same work.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from tokenbooth.management.errors import SignInRefused
from tokenbooth.management.people import passwords, second_factor
from tokenbooth.management.people.emails import clean_email
from tokenbooth.management.people.sessions import SignedIn, Visitor, note_proof, open_session
from tokenbooth.management.people.sign_in_attempts import (
    budget_of_member,
    budgets_of_email,
    forgive,
    record_refusal,
    take_attempt,
)
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member, Session
from tokenbooth.server.sealing import SealingKey
from tokenbooth.server.stores.contract import Stale

TICKET_SECONDS = 600
_TICKET = "tbk_"
REFUSED = "Email or password is wrong."


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeNeeded:
    """The password was right, and a code is needed too: `finish_sign_in` takes it."""

    ticket: Secret  # for the page to send back along with the code, within ten minutes


async def sign_in(
    booth: Booth, *, email: str, password: Secret, visitor: Visitor, code: str | None = None
) -> SignedIn | CodeNeeded:
    """Sign in by password; raises SignInRefused, or TooManyAttempts with the seconds to wait."""
    address = clean_email(email)
    budgets = budgets_of_email(booth, address or email, visitor)
    await take_attempt(booth, budgets, visitor, email=address)
    member = None if address is None else await booth.store.find_member(email=address)
    # Timing: hashed whoever it is, and whether or not there is a hash to compare with.
    stored = None if member is None or not member.enabled else member.password_hash
    is_right = await passwords.is_password(password, stored)
    if member is None or stored is None or not is_right:
        await _note_refusal(booth, address, member, visitor)
        raise SignInRefused(REFUSED)
    await forgive(booth, budgets)
    member = await _kept_up_to_date(booth, member, password)
    return await after_first_factor(booth, member, visitor, how="password", code=code)


async def after_first_factor(
    booth: Booth, member: Member, visitor: Visitor, *, how: str, code: str | None = None
) -> SignedIn | CodeNeeded:
    """Go on with a member who showed a password, or signed in elsewhere."""
    if member.totp is None:
        return await open_session(booth, member, visitor, how=how)
    if code is None:
        return CodeNeeded(ticket=_ticket(booth, member, how))
    return await _with_code(booth, member, visitor, how=how, code=code)


async def finish_sign_in(
    booth: Booth, *, unverified_ticket: str, code: str, visitor: Visitor
) -> SignedIn:
    """Take the code; raises SignInRefused, TooManyAttempts. The ticket is good for another try."""
    member, how = await _opened_ticket(booth, unverified_ticket)
    return await _with_code(booth, member, visitor, how=how, code=code)


async def prove_again(
    booth: Booth, session: Session, member: Member, *, password: Secret, visitor: Visitor
) -> Session:
    """Renew the proof of a session by the password; raises SignInRefused, TooManyAttempts."""
    await check_own_password(booth, member, password, visitor)
    return await note_proof(booth, session)


async def check_own_password(
    booth: Booth, member: Member, password: Secret, visitor: Visitor
) -> None:
    """Check what somebody types who is signed in already; raises as `prove_again` does."""
    budgets = [budget_of_member("proof", member)]
    await take_attempt(booth, budgets, visitor, member=member)
    if not await passwords.is_password(password, member.password_hash):
        await record_refusal(booth, member, visitor, reason="wrong_password")
        raise SignInRefused("The password is wrong.")
    await forgive(booth, budgets)


async def _with_code(
    booth: Booth, member: Member, visitor: Visitor, *, how: str, code: str
) -> SignedIn:
    # Who gets here knows the password, so no stranger can use these attempts up.
    budgets = [budget_of_member("code", member)]
    await take_attempt(booth, budgets, visitor, member=member)
    try:
        kind = await second_factor.spend_code(booth, member, code)
    except SignInRefused:
        await record_refusal(booth, member, visitor, reason="wrong_code")
        raise
    await forgive(booth, budgets)
    return await open_session(booth, member, visitor, how=f"{how}, {kind}", second_factor=True)


async def _note_refusal(
    booth: Booth, address: str | None, member: Member | None, visitor: Visitor
) -> None:
    reason = "wrong_password"
    if member is None:
        # What is no address is not repeated: it may be a password in the wrong field.
        reason = "unknown_email" if address else "no_email"
    elif not member.enabled:
        reason = "disabled"
    elif member.password_hash is None:
        reason = "no_password"
    await record_refusal(booth, member, visitor, reason=reason, email=address)


async def _kept_up_to_date(booth: Booth, member: Member, password: Secret) -> Member:
    """Hash the password anew when it was hashed at another cost than today's."""
    if member.password_hash is None or not passwords.is_outdated(member.password_hash):
        return member
    changed = replace(member, password_hash=await passwords.hash_password(password))
    try:
        await booth.store.replace_member(changed, seen=member)
    except Stale:
        return member  # the next time will do
    return changed


def _ticket(booth: Booth, member: Member, how: str) -> Secret:
    claims = {
        "member": member.id,
        "how": how,
        "state": _state(member),
        "exp": booth.clock.now() + TICKET_SECONDS,
    }
    return Secret(_key(booth).seal(_TICKET, claims))


async def _opened_ticket(booth: Booth, unverified_ticket: str) -> tuple[Member, str]:
    try:
        claims = _key(booth).open(_TICKET, unverified_ticket)
    except TokenRefused as refused:
        raise _begin_anew() from refused
    member = await booth.store.get_member(claims["member"])
    if member is None or not member.enabled or member.totp is None:
        raise _begin_anew()
    if booth.clock.now() >= claims["exp"] or claims["state"] != _state(member):
        raise _begin_anew()
    return member, str(claims["how"])


def _state(member: Member) -> str:
    """Return a text that changes with what the member proves itself by."""
    proofs = f"{member.password_hash}\0{member.identity}\0{(member.totp or b'').hex()}"
    return sha256(proofs.encode()).hexdigest()[:32]


def _begin_anew() -> SignInRefused:
    return SignInRefused("That took too long. Sign in again.")


def _key(booth: Booth) -> SealingKey:
    return SealingKey(booth.secrets.derive(b"sign-in"))
