"""Records of people, and of what they ask for, to rows and back."""

from dataclasses import fields
from typing import Any

from tokenbooth.server.people_records import (
    AccessRequest,
    Invitation,
    KeptAnswer,
    Member,
    Session,
)
from tokenbooth.server.stores.rows import Row, names_of, to_json


def _members(record: object) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]  # only records come


def _named(record: type, row: Row) -> dict[str, Any]:
    """Return the row's columns by the record's fields, which stand in the same order."""
    return dict(zip((field.name for field in fields(record)), row, strict=True))


def member_row(member: Member) -> dict[str, object]:
    """Return the columns of `members`."""
    return _members(member) | {"recovery_codes": to_json(member.recovery_codes)}


def member_of(row: Row) -> Member:
    """Read a row of `members`."""
    (
        member_id, email, name, role, account, enabled, password_hash, identity, totp, totp_step,
        recovery_codes, created_at, last_sign_in_at,
    ) = row  # fmt: skip
    return Member(
        id=member_id,
        email=email,
        name=name,
        role=role,
        account=account,
        enabled=bool(enabled),
        password_hash=password_hash,
        identity=identity,
        totp=None if totp is None else bytes(totp),
        totp_step=totp_step,
        recovery_codes=names_of(recovery_codes),
        created_at=created_at,
        last_sign_in_at=last_sign_in_at,
    )


def session_row(session: Session) -> dict[str, object]:
    """Return the columns of `sessions`."""
    return _members(session)


def session_of(row: Row) -> Session:
    """Read a row of `sessions`."""
    return Session(**_named(Session, row))


def invitation_row(invitation: Invitation) -> dict[str, object]:
    """Return the columns of `invitations`."""
    return _members(invitation)


def invitation_of(row: Row) -> Invitation:
    """Read a row of `invitations`."""
    return Invitation(**_named(Invitation, row))


def request_row(request: AccessRequest) -> dict[str, object]:
    """Return the columns of `access_requests`."""
    return _members(request) | {"scopes": to_json(request.scopes)}


def request_of(row: Row) -> AccessRequest:
    """Read a row of `access_requests`."""
    named = _named(AccessRequest, row)
    return AccessRequest(**named | {"scopes": names_of(named["scopes"])})


def answer_row(answer: KeptAnswer) -> dict[str, object]:
    """Return the columns of `kept_answers`."""
    return _members(answer)


def answer_of(row: Row) -> KeptAnswer:
    """Read a row of `kept_answers`."""
    named = _named(KeptAnswer, row)
    return KeptAnswer(**named | {"sealed": bytes(named["sealed"])})
