"""A second factor: codes of an authenticator app (RFC 6238), and recovery codes for lost phones.

An app is added in two steps: its secret is shown, then a code of it confirms that it arrived. Until
then nothing is stored: the page carries the sealed secret.
"""

import secrets
from dataclasses import dataclass, replace
from hashlib import sha256

import segno

from tokenbooth.management.errors import BadInput, Conflict, SignInRefused
from tokenbooth.protocol import one_time_code
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member
from tokenbooth.server.sealing import SealingKey
from tokenbooth.server.stores.contract import Stale

RECOVERY_CODES = 10
ENROLMENT_SECONDS = 900
# Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_LENGTH = 12  # 59 bits: too many to guess, at five tries and then ever fewer
_SERVICE = "Tokenbooth"
_KEPT = "tbm_"  # a secret in the database
_ASKED = "tbe_"  # a secret on its way through the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An app to add: its secret in three forms, and what the page sends back with the code."""

    secret: Secret  # to type it in: base32 in groups of four
    uri: Secret  # otpauth://…
    qr_svg: Secret  # the same as a picture, an <svg> element
    sealed: Secret


def begin_enrolment(booth: Booth, member: Member) -> Enrolment:
    """Return a new secret for the member's app; raises Conflict when there is an app already."""
    if member.totp is not None:
        raise Conflict("There is a second factor already. Remove it first.")
    secret = secrets.token_bytes(one_time_code.SECRET_BYTES)
    text = one_time_code.secret_text(secret)
    uri = one_time_code.otpauth_uri(secret, service=_SERVICE, member=member.email)
    claims = {
        "member": member.id,
        "secret": secret.hex(),
        "exp": booth.clock.now() + ENROLMENT_SECONDS,
    }
    return Enrolment(
        secret=Secret(" ".join(text[at : at + 4] for at in range(0, len(text), 4))),
        uri=Secret(uri),
        qr_svg=Secret(_qr_svg(uri)),
        sealed=Secret(_key(booth).seal(_ASKED, claims)),
    )


def enrolment_again(booth: Booth, member: Member, unverified_sealed: str) -> Enrolment:
    """Return the enrolment that a page began, to show it again; raises BadInput."""
    secret = _asked_secret(booth, member, unverified_sealed)
    text = one_time_code.secret_text(secret)
    uri = one_time_code.otpauth_uri(secret, service=_SERVICE, member=member.email)
    return Enrolment(
        secret=Secret(" ".join(text[at : at + 4] for at in range(0, len(text), 4))),
        uri=Secret(uri),
        qr_svg=Secret(_qr_svg(uri)),
        sealed=Secret(unverified_sealed),
    )


async def finish_enrolment(
    booth: Booth, member: Member, *, unverified_sealed: str, code: str
) -> tuple[Secret, ...]:
    """Add the app and return recovery codes, seen this once; raises BadInput, Conflict, Stale."""
    if member.totp is not None:
        raise Conflict("There is a second factor already. Remove it first.")
    secret = _asked_secret(booth, member, unverified_sealed)
    step = one_time_code.matching_step(secret, clean_code(code), now=booth.clock.now())
    if step is None:
        raise BadInput("The code does not fit. Type the one that the app shows now.")
    codes = _new_recovery_codes()
    sealed = _key(booth).seal(_KEPT, {"member": member.id, "secret": secret.hex()})
    changed = replace(
        member,
        totp=sealed.encode("ascii"),
        totp_step=step,
        recovery_codes=tuple(_digest(each.reveal()) for each in codes),
    )
    event = booth.event("second_factor_added", account=member.account, subject=member.email)
    await booth.store.replace_member(changed, seen=member, audit=[event])
    return codes


async def new_recovery_codes(booth: Booth, member: Member) -> tuple[Secret, ...]:
    """Return new recovery codes, seen this once, and end the old; raises Conflict, Stale."""
    if member.totp is None:
        raise Conflict("There is no second factor to recover from.")
    codes = _new_recovery_codes()
    changed = replace(member, recovery_codes=tuple(_digest(each.reveal()) for each in codes))
    event = booth.event(
        "second_factor_added",
        account=member.account,
        subject=member.email,
        what="recovery codes",
    )
    await booth.store.replace_member(changed, seen=member, audit=[event])
    return codes


async def remove_second_factor(booth: Booth, member: Member) -> None:
    """Remove the member's app and recovery codes, if any; raises Stale."""
    if member.totp is None:
        return
    changed = replace(member, totp=None, recovery_codes=())
    event = booth.event("second_factor_removed", account=member.account, subject=member.email)
    await booth.store.replace_member(changed, seen=member, audit=[event])


async def spend_code(booth: Booth, member: Member, unverified_code: str) -> str:
    """Use a code of the member's app, or a recovery code, up; returns which of them it was.

    Raises SignInRefused when it is neither, or was used before.
    """
    code = clean_code(unverified_code)
    secret = _kept_secret(booth, member)
    step = one_time_code.matching_step(secret, code, now=booth.clock.now())
    try:
        if step is not None:
            await booth.store.spend_second_factor(member.id, step=step)
            return "app"
        digest = _digest(code)
        if digest in member.recovery_codes:
            await booth.store.spend_second_factor(member.id, recovery_code=digest)
            return "recovery code"
    except Stale as error:
        raise SignInRefused(WRONG_CODE) from error
    raise SignInRefused(WRONG_CODE)


WRONG_CODE = (
    "This code does not fit, or was used already. Wait for the next one that the app shows."
)


def clean_code(unverified_code: str) -> str:
    """Return a code as it is compared: without the spaces and dashes between its groups."""
    return "".join(each for each in unverified_code[:64].lower() if each not in " -\t\u00a0")


def _kept_secret(booth: Booth, member: Member) -> bytes:
    sealed = (member.totp or b"").decode("ascii")
    claims = _key(booth).open(_KEPT, sealed)
    if claims["member"] != member.id:
        # A row that was copied into another opens nothing.
        raise TokenRefused("of_another_member")
    return bytes.fromhex(claims["secret"])


def _asked_secret(booth: Booth, member: Member, unverified_sealed: str) -> bytes:
    try:
        claims = _key(booth).open(_ASKED, unverified_sealed)
    except TokenRefused as refused:
        raise BadInput("Begin anew: this page is too old.") from refused
    if claims["member"] != member.id or booth.clock.now() >= claims["exp"]:
        raise BadInput("Begin anew: this page is too old.")
    return bytes.fromhex(claims["secret"])


def _new_recovery_codes() -> tuple[Secret, ...]:
    return tuple(_new_recovery_code() for _ in range(RECOVERY_CODES))


def _new_recovery_code() -> Secret:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
    return Secret("-".join(code[at : at + 4] for at in range(0, _RECOVERY_LENGTH, 4)))


def _digest(code: str) -> str:
    return sha256(b"tokenbooth recovery code\0" + clean_code(code).encode()).hexdigest()


def _qr_svg(uri: str) -> str:
    # Black on white on every page: many a camera reads no other.
    return segno.make_qr(uri, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff")


def _key(booth: Booth) -> SealingKey:
    # Of the pepper, which never changes: nothing is sealed anew with the master key.
    return SealingKey(booth.secrets.derive(b"second factors"))
