"""Sessions: who is signed in, from where and for how long.

A cookie is 256 random bits, of which only the digest is stored. A session ends when nothing comes
for a while, after a day at the latest, and at once when its member's password, role or state
change.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from tokenbooth.management.errors import Missing, SignInRefused
from tokenbooth.management.moments import moment
from tokenbooth.management.people.devices import device_cookie
from tokenbooth.management.rights import ROLES
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member, Session
from tokenbooth.server.stores.contract import NotFound, Stale

FRESH_SECONDS = 900.0  # how long a proof is good enough for dangerous things
_SEEN_SECONDS = 60.0  # how old `seen_at` may get before it is written again
_COOKIE_BYTES = 32
_COOKIE_LENGTH = 43
_ID_LENGTH = 16
_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A browser, before it is known who sits there."""

    source: str = ""  # the address that it comes from
    agent: str = ""  # its User-Agent
    request_id: str = ""
    device: str | None = None  # the device cookie that it sent, unverified


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody is signed in: two cookies to set, and who it is."""

    cookie: Secret  # the session's; it ends with the browser
    device: Secret  # the device's; to be kept for a year
    session: Session
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as its member sees it."""

    id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    source: str
    agent: str
    is_this: bool  # the one that asks


def actor_for(member: Member, *, source: str = "", request_id: str = "") -> Actor:
    """Return the member as who acts: with the rights of the role, on the own account alone."""
    return Actor(
        kind="member",
        name=member.email,
        rights=ROLES[member.role],
        account=member.account,
        source=source,
        request_id=request_id,
    )


def acting_as(booth: Booth, member: Member, visitor: Visitor) -> Booth:
    """Return the booth as this member works on it."""
    actor = actor_for(member, source=visitor.source, request_id=visitor.request_id)
    return booth.acting_as(actor)


async def open_session(
    booth: Booth, member: Member, visitor: Visitor, *, how: str, second_factor: bool = False
) -> SignedIn:
    """Sign a member in who has proved everything there is to prove; raises SignInRefused.

    That is when the member, as it was proved to be, was changed in this very moment.
    """
    now = booth.clock.now()
    cookie = Secret(secrets.token_urlsafe(_COOKIE_BYTES))
    session = Session(
        digest=_digest(cookie.reveal()),
        member=member.id,
        created_at=now,
        proved_at=now,
        seen_at=now,
        expires_at=_expiry(booth, created_at=now, seen_at=now),
        source=visitor.source,
        agent=_shortened(visitor.agent),
    )
    event = acting_as(booth, member, visitor).event(
        "signed_in",
        account=member.account,
        subject=member.email,
        how=how,
        second_factor=second_factor,
    )
    try:
        await booth.store.add_session(session, seen=member, audit=[event])
    except (NotFound, Stale) as error:
        # Timing: a password is checked for a while, in which it may have been changed.
        raise SignInRefused("Something changed at this moment. Sign in again.") from error
    booth.metrics.sign_in("succeeded")
    return SignedIn(
        cookie=cookie,
        device=device_cookie(booth, member, known=visitor.device),
        session=session,
        member=replace(member, last_sign_in_at=now),
    )


async def find_session(
    booth: Booth, unverified_cookie: str | None, visitor: Visitor
) -> tuple[Session, Member] | None:
    """Return the living session of that cookie and its member, and note that it was seen."""
    if not unverified_cookie or len(unverified_cookie) != _COOKIE_LENGTH:
        return None
    found = await booth.store.get_session(_digest(unverified_cookie))
    if found is None:
        return None
    session, member = found
    now = booth.clock.now()
    if now >= session.expires_at or not member.enabled:
        return None
    if abs(now - session.seen_at) < _SEEN_SECONDS:
        return session, member
    seen = replace(
        session,
        seen_at=now,
        expires_at=_expiry(booth, created_at=session.created_at, seen_at=now),
        source=visitor.source or session.source,
        agent=_shortened(visitor.agent) or session.agent,
    )
    try:
        await booth.store.replace_session(seen)
    except NotFound:  # it was ended this very moment
        return None
    return seen, member


def needs_fresh_proof(session: Session, now: float) -> bool:
    """Whether its member must show the password again before something dangerous."""
    return not 0 <= now - session.proved_at < FRESH_SECONDS


async def note_proof(booth: Booth, session: Session) -> Session:
    """Remember that the session's member just proved who it is; raises NotFound."""
    proved = replace(session, proved_at=booth.clock.now())
    await booth.store.replace_session(proved)
    return proved


async def list_own_sessions(booth: Booth, session: Session) -> tuple[SessionView, ...]:
    """Return the living sessions of the session's member, the latest first."""
    now = booth.clock.now()
    found = await booth.store.list_sessions(session.member)
    return tuple(_view(each, session) for each in found if now < each.expires_at)


async def sign_out(booth: Booth, session: Session) -> None:
    """End the session; here and below, the booth acts as its member."""
    await _end(booth, session, session.digest)


async def end_own_session(booth: Booth, session: Session, session_id: str) -> None:
    """End one of the member's sessions by the id that the list shows; raises Missing."""
    for each in await booth.store.list_sessions(session.member):
        if _id(each) == session_id:
            await _end(booth, session, each.digest)
            return
    raise Missing("There is no such session; it may have ended.")


async def end_other_sessions(booth: Booth, session: Session) -> int:
    """End all sessions of the member but this one; returns how many."""
    event = _signed_out(booth, ended="all but this one")
    return await booth.store.delete_sessions(session.member, but=session.digest, audit=[event])


async def _end(booth: Booth, session: Session, digest: str) -> None:
    event = _signed_out(booth, ended=digest[:_ID_LENGTH])
    await booth.store.delete_sessions(session.member, only=digest, audit=[event])


def _signed_out(booth: Booth, *, ended: str) -> Event:
    """Return the event that the acting member ended sessions of its own."""
    actor = booth.actor
    return booth.event("signed_out", account=actor.account, subject=actor.name, ended=ended)


def _expiry(booth: Booth, *, created_at: float, seen_at: float) -> float:
    settings = booth.settings
    return min(created_at + settings.session_seconds, seen_at + settings.session_idle_seconds)


def _view(session: Session, this: Session) -> SessionView:
    return SessionView(
        id=_id(session),
        created_at=moment(session.created_at),
        seen_at=moment(session.seen_at),
        expires_at=moment(session.expires_at),
        source=session.source,
        agent=session.agent,
        is_this=session.digest == this.digest,
    )


def _id(session: Session) -> str:
    return session.digest[:_ID_LENGTH]


def _digest(unverified_cookie: str) -> str:
    return sha256(unverified_cookie.encode("utf-8", "replace")).hexdigest()


def _shortened(agent: str) -> str:
    return "".join(each for each in agent[:_LONGEST_AGENT] if each.isprintable())
