"""Signed-in browsers, and answers that are kept for whoever repeats a request."""

from sqlalchemy import Connection, delete, insert, select, update

from tokenbooth.server.people_records import KeptAnswer, Member, Session
from tokenbooth.server.stores.contract import NotFound
from tokenbooth.server.stores.people_rows import answer_of, answer_row, session_of, session_row
from tokenbooth.server.stores.queries.accounts import get_member
from tokenbooth.server.stores.queries.seen import require_seen
from tokenbooth.server.stores.tables import (
    invitations,
    kept_answers,
    members,
    sessions,
    sign_in_attempts,
)

# Whoever invited somebody shall see for a while that the link was never followed.
_INVITATIONS_SHOWN_SECONDS = 30 * 86_400.0


def add_session(connection: Connection, session: Session, seen: Member | None) -> None:
    """Insert the session, and note that its member signed in."""
    # First: it keeps others from changing the member meanwhile.
    chosen = update(members).where(members.c.id == session.member)
    connection.execute(chosen.values(last_sign_in_at=session.created_at))
    member = get_member(connection, session.member)
    if member is None:
        raise NotFound("There is no such member.")
    if seen is not None:
        require_seen(_what_sessions_end_with(member), _what_sessions_end_with(seen))
    connection.execute(insert(sessions), session_row(session))


def _what_sessions_end_with(member: Member) -> tuple[object, ...]:
    return (
        member.role,
        member.account,
        member.enabled,
        member.password_hash,
        member.identity,
        member.totp,
    )


def get_session(connection: Connection, digest: str) -> tuple[Session, Member] | None:
    """Return the session with its member."""
    row = connection.execute(select(sessions).where(sessions.c.digest == digest)).first()
    if row is None:
        return None
    session = session_of(row)
    member = get_member(connection, session.member)
    return None if member is None else (session, member)


def replace_session(connection: Connection, session: Session) -> None:
    """Update the session of that digest."""
    chosen = update(sessions).where(sessions.c.digest == session.digest)
    if not connection.execute(chosen.values(session_row(session))).rowcount:
        raise NotFound("The session has ended.")


def list_sessions(connection: Connection, member_id: str) -> tuple[Session, ...]:
    """Return the member's sessions, the latest first."""
    chosen = select(sessions).where(sessions.c.member == member_id)
    ordered = chosen.order_by(sessions.c.seen_at.desc(), sessions.c.digest)
    return tuple(session_of(row) for row in connection.execute(ordered))


def delete_sessions(
    connection: Connection, member_id: str, *, only: str | None = None, but: str | None = None
) -> int:
    """Delete the member's sessions, and return how many."""
    chosen = delete(sessions).where(sessions.c.member == member_id)
    if only is not None:
        chosen = chosen.where(sessions.c.digest == only)
    if but is not None:
        chosen = chosen.where(sessions.c.digest != but)
    return connection.execute(chosen).rowcount


def keep_answer(connection: Connection, answer: KeptAnswer, now: float) -> KeptAnswer:
    """Insert the answer unless a living one has its key; return the one that has it."""
    own = kept_answers.c.key == answer.key
    connection.execute(delete(kept_answers).where(own, kept_answers.c.expires_at <= now))
    row = connection.execute(select(kept_answers).where(own).with_for_update()).first()
    if row is not None:
        return answer_of(row)
    connection.execute(insert(kept_answers), answer_row(answer))
    return answer


def finish_answer(connection: Connection, answer: KeptAnswer) -> None:
    """Update the answer of that key."""
    chosen = update(kept_answers).where(kept_answers.c.key == answer.key)
    connection.execute(chosen.values(answer_row(answer)))


def drop_answer(connection: Connection, key: str) -> None:
    """Delete the answer of that key."""
    connection.execute(delete(kept_answers).where(kept_answers.c.key == key))


def forget_expired(connection: Connection, now: float) -> int:
    """Delete sessions, answers, counted attempts and old invitations that expired before `now`."""
    old = delete(invitations).where(invitations.c.expires_at < now - _INVITATIONS_SHOWN_SECONDS)
    return connection.execute(old).rowcount + sum(
        connection.execute(delete(table).where(table.c.expires_at < now)).rowcount
        for table in (sessions, kept_answers, sign_in_attempts)
    )
