"""The store's part for people, what they ask for, and what happened; see people_contract.py."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from tokenbooth.clock import Clock
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
from tokenbooth.server.records import Account, ChangeKind, Client, Revocation
from tokenbooth.server.stores.engine import Engine
from tokenbooth.server.stores.queries import (
    accounts,
    activity,
    attempts,
    changes,
    clients,
    requests,
    revocations,
    sessions,
)


class SqlChanges:
    """How every part of the store makes a change: announced, with what it revokes and records."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def _change(
        self,
        query: Callable[[Connection], object],
        *announced: tuple[ChangeKind, str, str],
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        now = self._clock.now()

        def transaction(connection: Connection) -> None:
            changes.announce(connection, announced, now=now)
            query(connection)
            revocations.revoke(connection, revoking)
            # Last: all who change anything wait here for each other, so the wait is short.
            activity.add_events(connection, audit)

        await self._engine.write(transaction)


class SqlAccounts(SqlChanges):
    """Accounts, their members, and how these come in."""

    async def list_accounts(self) -> tuple[Account, ...]:
        return await self._engine.read_aside(accounts.list_accounts)

    async def get_account(self, name: str) -> Account | None:
        return await self._engine.read(lambda connection: accounts.get_account(connection, name))

    async def add_account(self, account: Account, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: accounts.add_account(connection, account), audit=audit
        )

    async def replace_account(
        self, account: Account, *, seen: Account | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: accounts.replace_account(connection, account, seen), audit=audit
        )

    async def delete_account(self, name: str, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: accounts.delete_account(connection, name), audit=audit
        )

    async def count_of_account(self, name: str) -> tuple[int, int]:
        return await self._engine.read(lambda connection: accounts.count_of(connection, name))

    async def get_member(self, member_id: str) -> Member | None:
        return await self._engine.read(
            lambda connection: accounts.get_member(connection, member_id)
        )

    async def find_member(
        self, *, email: str | None = None, identity: str | None = None
    ) -> Member | None:
        return await self._engine.read(
            lambda connection: accounts.find_member(connection, email=email, identity=identity)
        )

    async def list_members(self, account: str | None = None) -> tuple[Member, ...]:
        return await self._engine.read_aside(
            lambda connection: accounts.list_members(connection, account)
        )

    async def add_member(
        self, member: Member, *, invitation: str | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: accounts.add_member(connection, member, invitation), audit=audit
        )

    async def replace_member(
        self,
        member: Member,
        *,
        seen: Member | None = None,
        invitation: str | None = None,
        ending_sessions: bool = False,
        audit: Audit = (),
    ) -> None:
        def replace(connection: Connection) -> None:
            accounts.replace_member(connection, member, seen=seen, invitation=invitation)
            if ending_sessions:
                sessions.delete_sessions(connection, member.id)

        await self._change(replace, audit=audit)

    async def delete_member(self, member_id: str, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: accounts.delete_member(connection, member_id), audit=audit
        )

    async def spend_second_factor(
        self, member_id: str, *, step: int | None = None, recovery_code: str | None = None
    ) -> None:
        def spend(connection: Connection) -> None:
            if step is not None:
                accounts.spend_step(connection, member_id, step)
            if recovery_code is not None:
                accounts.spend_recovery_code(connection, member_id, recovery_code)

        await self._engine.write(spend)

    async def add_invitation(self, invitation: Invitation, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: accounts.add_invitation(connection, invitation), audit=audit
        )

    async def get_invitation(self, digest: str) -> Invitation | None:
        return await self._engine.read(
            lambda connection: accounts.get_invitation(connection, digest)
        )

    async def list_invitations(self, account: str | None = None) -> tuple[Invitation, ...]:
        return await self._engine.read(
            lambda connection: accounts.list_invitations(connection, account)
        )

    async def delete_invitation(self, digest: str, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: accounts.delete_invitation(connection, digest), audit=audit
        )


class SqlSessions(SqlChanges):
    """Signed-in browsers, kept answers, and requests for access."""

    async def add_session(
        self, session: Session, *, seen: Member | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: sessions.add_session(connection, session, seen), audit=audit
        )

    async def get_session(self, digest: str) -> tuple[Session, Member] | None:
        return await self._engine.read(lambda connection: sessions.get_session(connection, digest))

    async def replace_session(self, session: Session) -> None:
        await self._engine.write(lambda connection: sessions.replace_session(connection, session))

    async def list_sessions(self, member_id: str) -> tuple[Session, ...]:
        return await self._engine.read(
            lambda connection: sessions.list_sessions(connection, member_id)
        )

    async def delete_sessions(
        self, member_id: str, *, only: str | None = None, but: str | None = None, audit: Audit = ()
    ) -> int:
        def delete(connection: Connection) -> int:
            ended = sessions.delete_sessions(connection, member_id, only=only, but=but)
            activity.add_events(connection, audit)
            return ended

        return await self._engine.write(delete)

    async def take_attempt(self, budgets: Sequence[AttemptBudget], *, now: float) -> float:
        # Most of a storm is turned away by a look alone.
        wait = await self._engine.read(lambda connection: attempts.wait(connection, budgets, now))
        return wait or await self._engine.write(
            lambda connection: attempts.take(connection, budgets, now)
        )

    async def give_back_attempt(self, keys: Sequence[str]) -> None:
        await self._engine.write(lambda connection: attempts.give_back(connection, keys))

    async def forget_attempts(self, keys: Sequence[str]) -> None:
        await self._engine.write(lambda connection: attempts.forget(connection, keys))

    async def keep_answer(self, answer: KeptAnswer, *, now: float) -> KeptAnswer:
        return await self._engine.write(
            lambda connection: sessions.keep_answer(connection, answer, now)
        )

    async def finish_answer(self, answer: KeptAnswer) -> None:
        await self._engine.write(lambda connection: sessions.finish_answer(connection, answer))

    async def drop_answer(self, key: str) -> None:
        await self._engine.write(lambda connection: sessions.drop_answer(connection, key))

    async def add_access_request(self, request: AccessRequest, *, audit: Audit = ()) -> None:
        await self._change(lambda connection: requests.add(connection, request), audit=audit)

    async def get_access_request(self, request_id: str) -> AccessRequest | None:
        return await self._engine.read(lambda connection: requests.get(connection, request_id))

    async def list_access_requests(
        self,
        *,
        account: str | None = None,
        status: RequestStatus | None = None,
        limit: int = 100,
    ) -> tuple[AccessRequest, ...]:
        return await self._engine.read(
            lambda connection: requests.list_all(
                connection, account=account, status=status, limit=limit
            )
        )

    async def decide_access_request(
        self,
        request: AccessRequest,
        *,
        client: Client | None = None,
        seen: Client | None = None,
        audit: Audit = (),
    ) -> None:
        announced: list[tuple[ChangeKind, str, str]] = []
        if client is not None:
            announced.append(("client", client.issuer, client.client_id))

        def decide(connection: Connection) -> None:
            requests.decide(connection, request)
            if client is not None:
                clients.replace_client(connection, client, seen)

        await self._change(decide, *announced, audit=audit)


class SqlActivity(SqlChanges):
    """What happened."""

    async def add_events(self, events: Sequence[Event]) -> None:
        await self._engine.write(lambda connection: activity.add_events(connection, events))

    async def list_events(
        self, asked: EventFilter, *, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEntry, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.list_events(connection, asked, before=before, limit=limit)
        )

    async def audit_trail(self, after: int, *, limit: int) -> tuple[AuditEntry, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.audit_trail(connection, after, limit)
        )

    async def audit_head(self) -> AuditHead:
        return await self._engine.read(activity.head)

    async def record_activity(
        self,
        *,
        usage: Sequence[Usage] = (),
        refused: Sequence[RefusedRequest] = (),
        events: Sequence[Event] = (),
    ) -> None:
        def record(connection: Connection) -> None:
            activity.record(connection, usage, refused)
            activity.add_events(connection, events)

        await self._engine.write(record)

    async def find_refused(self, request_id: str) -> RefusedRequest | None:
        return await self._engine.read(
            lambda connection: activity.find_refused(connection, request_id)
        )

    async def list_refused(
        self,
        *,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> tuple[RefusedRequest, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.list_refused(
                connection,
                issuer=issuer,
                client_id=client_id,
                account=account,
                before=before,
                limit=limit,
            )
        )

    async def list_usage(
        self,
        *,
        since: float,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.list_usage(
                connection,
                since=since,
                of=activity.Whose(issuer=issuer, client_id=client_id, account=account),
            )
        )

    async def sum_usage(
        self,
        *,
        since: float,
        step: int,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.sum_usage(
                connection,
                since=since,
                step=step,
                of=activity.Whose(issuer=issuer, client_id=client_id, account=account),
            )
        )

    async def busiest_clients(
        self,
        *,
        since: float,
        limit: int,
        issuer: str | None = None,
        client_id: str | None = None,
        account: str | None = None,
    ) -> tuple[Usage, ...]:
        return await self._engine.read_aside(
            lambda connection: activity.busiest_clients(
                connection,
                since=since,
                limit=limit,
                of=activity.Whose(issuer=issuer, client_id=client_id, account=account),
            )
        )

    async def forget_activity(
        self, *, refused_before: float, usage_before: float, most_refused: int
    ) -> None:
        await self._engine.write(
            lambda connection: activity.forget(
                connection,
                refused_before=refused_before,
                usage_before=usage_before,
                most_refused=most_refused,
            )
        )
