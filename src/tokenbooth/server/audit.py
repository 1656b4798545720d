"""The audit trail: which events there are, and the chain of hashes that holds them in order."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Literal

import msgspec

from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import AuditEntry, AuditHead, Event

EventType = Literal[
    "token_issued",
    "token_refused",
    "token_revoked",
    "issuer_created",
    "issuer_changed",
    "issuer_tokens_revoked",
    "api_created",
    "api_changed",
    "api_deleted",
    "client_created",
    "client_changed",
    "client_enabled",
    "client_disabled",
    "client_deleted",
    "client_tokens_revoked",
    "access_granted",
    "access_withdrawn",
    "access_requested",
    "access_request_approved",
    "access_request_refused",
    "access_request_withdrawn",
    "credential_added",
    "credential_changed",
    "credential_removed",
    "credential_tokens_revoked",
    "rotation_started",
    "rotation_finished",
    "rotation_cancelled",
    "registration_token_created",
    "registration_token_revoked",
    "key_rotated",
    "key_removed",
    "master_key_changed",
    "account_created",
    "account_changed",
    "account_deleted",
    "member_invited",
    "invitation_withdrawn",
    "member_joined",
    "member_changed",
    "member_removed",
    "password_changed",
    "password_reset_sent",
    "second_factor_added",
    "second_factor_removed",
    "signed_in",
    "sign_in_refused",
    "signed_out",
    "configuration_applied",
    "configuration_imported",
]

# What happened, in words. Every event that is recorded has one of these types.
TYPES: dict[EventType, str] = {
    "token_issued": "Tokens were issued",
    "token_refused": "Token requests were refused",
    "token_revoked": "A token was revoked",
    "issuer_created": "An issuer was made",
    "issuer_changed": "An issuer was changed",
    "issuer_tokens_revoked": "All tokens of an issuer were ended",
    "api_created": "An API was made",
    "api_changed": "An API was changed",
    "api_deleted": "An API was deleted",
    "client_created": "A client was registered",
    "client_changed": "A client was changed",
    "client_enabled": "A client was enabled",
    "client_disabled": "A client was disabled, and its tokens ended",
    "client_deleted": "A client was deleted, and its tokens ended",
    "client_tokens_revoked": "All tokens of a client were ended",
    "access_granted": "A client was given access to an API",
    "access_withdrawn": "Access to an API was taken from a client",
    "access_requested": "Access to an API was asked for",
    "access_request_approved": "A request for access was approved",
    "access_request_refused": "A request for access was refused",
    "access_request_withdrawn": "A request for access was withdrawn",
    "credential_added": "A credential was added",
    "credential_changed": "A credential was changed",
    "credential_removed": "A credential was removed",
    "credential_tokens_revoked": "All tokens got with a credential were ended",
    "rotation_started": "A secret was rotated: the old one ends after the overlap",
    "rotation_finished": "A rotation was finished: the old secret was removed",
    "rotation_cancelled": "A rotation was cancelled: the old secret stays",
    "registration_token_created": "An initial access token for registration was made",
    "registration_token_revoked": "An initial access token for registration was ended",
    "key_rotated": "A key was made, or is used sooner",
    "key_removed": "A key was removed",
    "master_key_changed": "The keys were sealed under a new master key",
    "account_created": "An account was made",
    "account_changed": "An account was changed",
    "account_deleted": "An account was deleted",
    "member_invited": "Somebody was invited",
    "invitation_withdrawn": "An invitation was withdrawn",
    "member_joined": "Somebody followed an invitation and became a member",
    "member_changed": "A member was changed",
    "member_removed": "A member was removed",
    "password_changed": "A password was changed",
    "password_reset_sent": "A link to choose a new password was made",
    "second_factor_added": "A second factor was added",
    "second_factor_removed": "A second factor was removed",
    "signed_in": "Somebody signed in",
    "sign_in_refused": "Somebody was refused to sign in",
    "signed_out": "Somebody signed out, or was signed out",
    "configuration_applied": "A configuration file was applied",
    "configuration_imported": "Clients were imported from another system",
}

GENESIS = AuditHead(seq=0, hash="")
NO_DETAILS: Mapping[str, object] = {}


def event_by(
    actor: Actor,
    type_: EventType,
    *,
    at: float,
    account: str | None = None,
    issuer: str | None = None,
    client_id: str | None = None,
    subject: str | None = None,
    reason: str = "",
    details: Mapping[str, object] = NO_DETAILS,
) -> Event:
    """Return what the actor does, to be recorded along with the change.

    `account` is whose members may read it, and None for operators and auditors alone.
    """
    return Event(
        type=type_,
        at=at,
        actor=str(actor),
        account=account,
        issuer=issuer,
        client_id=client_id,
        subject=subject,
        source=actor.source,
        request_id=actor.request_id,
        reason=reason,
        details=dict(details),
    )


def next_entries(head: AuditHead, events: Iterable[Event]) -> tuple[AuditEntry, ...]:
    """Put events behind `head`: each is hashed together with the hash before it."""
    entries = []
    for event in events:
        seq = head.seq + 1
        entry = AuditEntry(seq=seq, event=event, hash=entry_hash(head.hash, seq, event))
        entries.append(entry)
        head = AuditHead(seq=seq, hash=entry.hash)
    return tuple(entries)


def entry_hash(before: str, seq: int, event: Event) -> str:
    """Return the hash of the event in its place, over what JSON keeps of it."""
    members = {each.name: getattr(event, each.name) for each in fields(event)}
    encoded = msgspec.json.encode([before, seq, members], order="sorted")
    return hashlib.sha256(encoded).hexdigest()
