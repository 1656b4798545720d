"""Records of what happened to rows and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from msgspec import json

from tokenbooth.server.audit_records import AuditEntry, CredentialHost, Event, RefusedRequest, Usage
from tokenbooth.server.stores.rows import Row, read_json, to_json

_details: json.Decoder[Mapping[str, Any]] = json.Decoder(Mapping[str, Any])


def entry_row(entry: AuditEntry) -> dict[str, object]:
    """Return the columns of `audit`."""
    event = entry.event
    return {
        "seq": entry.seq,
        "at": event.at,
        "type": event.type,
        "actor": event.actor,
        "account": event.account,
        "issuer": event.issuer,
        "client_id": event.client_id,
        "subject": event.subject,
        "source": event.source,
        "request_id": event.request_id,
        "reason": event.reason,
        "count": event.count,
        "details": to_json(event.details),
        "hash": entry.hash,
    }


def entry_of(row: Row) -> AuditEntry:
    """Read a row of `audit`."""
    event = Event(
        at=row[1],
        type=row[2],
        actor=row[3],
        account=row[4],
        issuer=row[5],
        client_id=row[6],
        subject=row[7],
        source=row[8],
        request_id=row[9],
        reason=row[10],
        count=row[11],
        details=read_json(_details, row[12]),
    )
    return AuditEntry(seq=row[0], event=event, hash=row[13])


def refused_row(refused: RefusedRequest) -> dict[str, object]:
    """Return the columns of `refused_requests`."""
    return asdict(refused)


def refused_of(row: Row) -> RefusedRequest:
    """Read a row of `refused_requests`."""
    return RefusedRequest(
        request_id=row[0],
        at=row[1],
        endpoint=row[2],
        status=row[3],
        error=row[4],
        reason=row[5],
        issuer=row[6],
        client_id=row[7],
        source=row[8],
        agent=row[9],
        method=row[10],
        credential_id=row[11],
    )


def usage_row(usage: Usage) -> dict[str, object]:
    """Return the columns of `usage`."""
    return asdict(usage)


def usage_of(row: Row) -> Usage:
    """Read a row of `usage`."""
    return Usage(hour=row[0], issuer=row[1], client_id=row[2], outcome=row[3], count=row[4])


def host_of(row: Row) -> CredentialHost:
    """Read a row of `credential_hosts`."""
    return CredentialHost(
        credential_id=row[0],
        source=row[1],
        agent=row[2],
        first_at=row[3],
        last_at=row[4],
        count=row[5],
    )
