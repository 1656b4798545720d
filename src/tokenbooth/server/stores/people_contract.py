"""What a store promises about people, what they ask for, and what happened; see contract.py."""

from collections.abc import Sequence
from typing import Protocol

from tokenbooth.server.audit_records import (
    Audit,
    AuditEntry,
    AuditHead,
    Event,
    EventFilter,
    RefusedRequest,
    Usage,
)
from tokenbooth.server.people_records import (
    AccessRequest,
    AttemptBudget,
    Invitation,
    KeptAnswer,
    Member,
    RequestStatus,
    Session,
)
from tokenbooth.server.records import Account, Client


class AccountStore(Protocol):
    """Accounts, their members, and how these come in."""

    async def list_accounts(self) -> tuple[Account, ...]:
        """Return all accounts by name."""

    async def get_account(self, name: str) -> Account | None:
        """Return the account of that name, or None."""

    async def add_account(self, account: Account, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists."""

    async def replace_account(
        self, account: Account, *, seen: Account | None = None, audit: Audit = ()
    ) -> None:
        """Replace the account of that name; raises NotFound, Stale."""

    async def delete_account(self, name: str, *, audit: Audit = ()) -> None:
        """Delete with its invitations; raises NotFound, StillInUse (clients or members)."""

    async def count_of_account(self, name: str) -> tuple[int, int]:
        """Return how many clients and how many members the account has."""

    async def get_member(self, member_id: str) -> Member | None:
        """Return the member of that id, or None."""

    async def find_member(
        self, *, email: str | None = None, identity: str | None = None
    ) -> Member | None:
        """Return the member of that email, or of that identity elsewhere, or None."""

    async def list_members(self, account: str | None = None) -> tuple[Member, ...]:
        """Return the members of one account, or everybody, by email."""

    async def add_member(
        self, member: Member, *, invitation: str | None = None, audit: Audit = ()
    ) -> None:
        """Add, and use up the invitation of that digest.

        Raises AlreadyExists (id, email or identity), NotFound (account, or the invitation is
        used up already: of two who follow one link, one gets in).
        """

    async def replace_member(
        self,
        member: Member,
        *,
        seen: Member | None = None,
        invitation: str | None = None,
        ending_sessions: bool = False,
        audit: Audit = (),
    ) -> None:
        """Replace the member of that id; raises NotFound, Stale, AlreadyExists.

        Raises StillInUse for the last enabled operator, who must stay one. At once: use up the
        invitation (a password reset), and end all of the member's sessions.
        """

    async def delete_member(self, member_id: str, *, audit: Audit = ()) -> None:
        """Delete with all sessions; raises NotFound, StillInUse (the last enabled operator)."""

    async def spend_second_factor(
        self, member_id: str, *, step: int | None = None, recovery_code: str | None = None
    ) -> None:
        """Take codes up to that time step as used, or the recovery code of that digest.

        Raises Stale when it was used before, or there is no such member: of two who show one code,
        one gets in.
        """

    async def add_invitation(self, invitation: Invitation, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists (digest), NotFound (account)."""

    async def get_invitation(self, digest: str) -> Invitation | None:
        """Return the invitation of that digest, expired or not, or None."""

    async def list_invitations(self, account: str | None = None) -> tuple[Invitation, ...]:
        """Return the open invitations of one account, or all, oldest first."""

    async def delete_invitation(self, digest: str, *, audit: Audit = ()) -> None:
        """Delete; raises NotFound."""


class SessionStore(Protocol):
    """Signed-in browsers, and answers that are kept for whoever repeats a request."""

    async def add_session(
        self, session: Session, *, seen: Member | None = None, audit: Audit = ()
    ) -> None:
        """Add, and remember it as the member's last sign-in.

        Raises NotFound (member), and Stale when the member's role, account, state, password,
        identity or second factor is not as seen: what ended its sessions ends this one too.
        """

    async def get_session(self, digest: str) -> tuple[Session, Member] | None:
        """Return the session, expired or not, with its member as of now, or None."""

    async def replace_session(self, session: Session) -> None:
        """Replace the session of that digest; raises NotFound."""

    async def list_sessions(self, member_id: str) -> tuple[Session, ...]:
        """Return the member's sessions, the latest first."""

    async def delete_sessions(
        self, member_id: str, *, only: str | None = None, but: str | None = None, audit: Audit = ()
    ) -> int:
        """Delete all of the member's, `only` that digest, or all `but` it; return how many."""

    async def take_attempt(self, budgets: Sequence[AttemptBudget], *, now: float) -> float:
        """Count a failure under every key and return 0; or the seconds to wait, counting none.

        Atomic: of those who come at once, no more than the budgets allow are told 0.
        """

    async def give_back_attempt(self, keys: Sequence[str]) -> None:
        """Count one failure less under these keys."""

    async def forget_attempts(self, keys: Sequence[str]) -> None:
        """Forget all failures under these keys."""

    async def keep_answer(self, answer: KeptAnswer, *, now: float) -> KeptAnswer:
        """Take the answer's key; returns `answer`, or the living one that has the key.

        Atomic: exactly one of those who come at once gets its own back.
        """

    async def finish_answer(self, answer: KeptAnswer) -> None:
        """Replace the answer of that key."""

    async def drop_answer(self, key: str) -> None:
        """Let go of the key: the request may be tried again."""


class RequestStore(Protocol):
    """What accounts ask for, and what became of it."""

    async def add_access_request(self, request: AccessRequest, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists (id)."""

    async def get_access_request(self, request_id: str) -> AccessRequest | None:
        """Return the request of that id, or None."""

    async def list_access_requests(
        self,
        *,
        account: str | None = None,
        status: RequestStatus | None = None,
        limit: int = 100,
    ) -> tuple[AccessRequest, ...]:
        """Return requests, the latest first."""

    async def decide_access_request(
        self,
        request: AccessRequest,
        *,
        client: Client | None = None,
        seen: Client | None = None,
        audit: Audit = (),
    ) -> None:
        """Replace a pending request, and the client that it is for, at once.

        Raises NotFound, and Stale when it is pending no more or the client is not as seen.
        """


class ActivityStore(Protocol):
    """What happened."""

    async def add_events(self, events: Sequence[Event]) -> None:
        """Put events behind the audit trail, in this order."""

    async def list_events(
        self, asked: EventFilter, *, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEntry, ...]:
        """Return matching entries, the newest first, starting below the number `before`."""

    async def audit_trail(self, after: int, *, limit: int) -> tuple[AuditEntry, ...]:
        """Return entries behind the number `after` in their order."""

    async def audit_head(self) -> AuditHead:
        """Return the newest entry's number and hash."""

    async def record_activity(
        self,
        *,
        usage: Sequence[Usage] = (),
        refused: Sequence[RefusedRequest] = (),
        events: Sequence[Event] = (),
    ) -> None:
        """Add counts to those that are there, keep refusals and add events, all at once."""

    async def find_refused(self, request_id: str) -> RefusedRequest | None:
        """Return the refusal of that request, or None."""

    async def list_refused(
        self,
        *,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> tuple[RefusedRequest, ...]:
        """Return refusals, the latest first; an account's are those of its clients.

        Starting behind the time and request id `before`.
        """

    async def list_usage(
        self,
        *,
        since: float,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        """Return counts by hour; an account's are those of its clients."""

    async def sum_usage(
        self,
        *,
        since: float,
        step: int,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        """Return counts of all clients together, by spans of `step` seconds and outcome."""

    async def busiest_clients(
        self,
        *,
        since: float,
        limit: int,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        """Return the counts, by outcome, of those `limit` clients that count most."""

    async def forget_activity(
        self, *, refused_before: float, usage_before: float, most_refused: int
    ) -> None:
        """Drop old refusals and counts, and of more than `most_refused` refusals the oldest.

        The audit trail is never dropped.
        """
