"""What happened, as stored: audit events, refusals and counts. Times are seconds since 1970 UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, for the audit trail; never holds a secret or a token."""

    type: str  # a tokenbooth.server.audit.EventType
    at: float
    actor: str  # an Actor in text: member:ann@example.com, client:app-1, command_line:root, service
    account: str | None = None  # whose members may see it; None: operators and auditors alone
    issuer: str | None = None
    client_id: str | None = None
    subject: str | None = None  # what it happened to: a credential id, an API, a kid, an email
    source: str = ""  # the address that the actor came from
    request_id: str = ""
    reason: str = ""  # why: typed for refusals, in the person's own words for approvals
    count: int = 1  # frequent events are written once for many
    details: Mapping[str, Any] = field(default_factory=dict)  # JSON


Audit = Sequence[Event]  # what is recorded along with a change


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An event in its place of the trail. `hash` covers it and every entry before it, in hex."""

    seq: int
    event: Event
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The newest entry of the trail; seq 0 and an empty hash before the first."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; None asks for all."""

    account: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    type: str | None = None  # a whole type, or a group of them: "credential_"
    actor: str | None = None
    request_id: str | None = None
    since: float | None = None
    until: float | None = None
    text: str | None = None  # somewhere in its subject, reason, actor, source or client id


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequest:
    """One refused request with its private reason, for the owner of the client to look up."""

    request_id: str
    at: float
    endpoint: str
    status: int
    error: str
    reason: str
    issuer: str
    client_id: str = ""  # as claimed; whose client it is, is known only if it exists
    source: str = ""
    agent: str = ""  # the User-Agent, shortened
    method: str = ""  # of client authentication
    credential_id: str = ""  # that was used, or that the refused secret names


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How often something came of a client's requests in the hour that begins at `hour`."""

    hour: int  # seconds since 1970 UTC, divisible by 3600
    issuer: str
    client_id: str  # "" for clients that do not exist
    outcome: str  # "issued", or the typed reason of a refusal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialHost:
    """One address that uses a credential."""

    credential_id: str
    source: str
    agent: str = ""
    first_at: float
    last_at: float
    count: int
