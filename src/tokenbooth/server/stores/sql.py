"""The store on SQL: every promise of the contract, as one transaction on an engine."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.server.audit_records import Audit, CredentialHost
from tokenbooth.server.records import (
    Api,
    Change,
    ChangeKind,
    Client,
    Credential,
    CredentialKind,
    CredentialUse,
    Issuer,
    OwnedCredential,
    RegisteredClient,
    Revocation,
    RevocationPage,
    StoredKey,
)
from tokenbooth.server.stores.contract import Claim, StoreUnavailable, Together
from tokenbooth.server.stores.engine import Engine
from tokenbooth.server.stores.gathering import Gathering
from tokenbooth.server.stores.limits import DEFAULT_LIMITS, DatabaseLimits
from tokenbooth.server.stores.measured import MeasuredEngine, StoreWatch
from tokenbooth.server.stores.queries import (
    activity,
    changes,
    clients,
    credentials_to_mind,
    issuers,
    revocations,
    sessions,
)
from tokenbooth.server.stores.rows import registered_clients, revocation_page
from tokenbooth.server.stores.sql_archive import SqlArchive
from tokenbooth.server.stores.sql_counts import SqlCounts
from tokenbooth.server.stores.sql_people import SqlAccounts, SqlActivity, SqlSessions
from tokenbooth.server.stores.sqlite import SqliteEngine, sqlite_path

NO_DRIVER = "PostgreSQL takes a driver: pip install 'tokenbooth[server,postgres]'."


async def open_store(
    url: str,
    *,
    create: bool = True,
    clock: Clock = SYSTEM_CLOCK,
    limits: DatabaseLimits = DEFAULT_LIMITS,
    watch: StoreWatch | None = None,
) -> "SqlStore":
    """Open `sqlite:///path` or `postgresql://host/name`; `create` makes it and its tables.

    Without `create` the database must be there and up to date. Raises StoreUnavailable.
    """
    path = sqlite_path(url)
    engine: Engine
    if path is None:
        engine = await _postgres(url, create=create, limits=limits)
    else:
        engine = await SqliteEngine.open(path, create=create)
    return SqlStore(engine if watch is None else MeasuredEngine(engine, watch), clock)


async def _postgres(url: str, *, create: bool, limits: DatabaseLimits) -> Engine:
    try:
        from tokenbooth.server.stores.postgres import PostgresEngine
    except ModuleNotFoundError as error:
        raise StoreUnavailable(NO_DRIVER) from error
    return await PostgresEngine.open(url, create=create, limits=limits)


class SqlStore(SqlAccounts, SqlSessions, SqlActivity, SqlArchive, SqlCounts):
    """A store in a SQL database; see contract.Store for what each method promises."""

    async def list_issuers(self) -> tuple[Issuer, ...]:
        return await self._engine.read(issuers.list_issuers)

    async def add_issuer(
        self, issuer: Issuer, keys: Sequence[StoredKey] = (), *, audit: Audit = ()
    ) -> None:
        if any(key.issuer != issuer.name for key in keys):
            raise ValueError("An issuer's first keys must be its own.")
        await self._change(
            lambda connection: issuers.add_issuer(connection, issuer, keys),
            ("issuer", issuer.name, issuer.name),
            *(_change_of_key(key) for key in keys),
            audit=audit,
        )

    async def replace_issuer(
        self, issuer: Issuer, *, seen: Issuer | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: issuers.replace_issuer(connection, issuer, seen),
            ("issuer", issuer.name, issuer.name),
            audit=audit,
        )

    async def list_apis(self, issuer: str | None = None) -> tuple[Api, ...]:
        return await self._engine.read(lambda connection: issuers.list_apis(connection, issuer))

    async def add_api(self, api: Api, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: issuers.add_api(connection, api),
            ("api", api.issuer, api.name),
            audit=audit,
        )

    async def replace_api(self, api: Api, *, seen: Api | None = None, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: issuers.replace_api(connection, api, seen),
            ("api", api.issuer, api.name),
            audit=audit,
        )

    async def delete_api(
        self, issuer: str, name: str, *, seen: Api | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: issuers.delete_api(connection, issuer, name, seen),
            ("api", issuer, name),
            audit=audit,
        )

    async def get_client(self, issuer: str, client_id: str) -> RegisteredClient | None:
        named = {"issuer": issuer, "client_id": client_id}
        rows = await self._engine.look_up([(statement, named) for statement in clients.ONE_CLIENT])
        return next(iter(registered_clients(*rows)), None)

    async def find_clients(self, client_id: str) -> tuple[RegisteredClient, ...]:
        return await self._engine.read(
            lambda connection: clients.find_clients(connection, client_id)
        )

    async def list_clients(
        self,
        *,
        issuer: str | None = None,
        account: str | None = None,
        enabled: bool | None = None,
        text: str | None = None,
        api: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> tuple[RegisteredClient, ...]:
        # A search by text looks at every client: aside, so that no token waits for it.
        read = self._engine.read if text is None else self._engine.read_aside
        return await read(
            lambda connection: clients.list_clients(
                connection,
                issuer=issuer,
                account=account,
                enabled=enabled,
                text=text,
                api=api,
                after=after,
                limit=limit,
            )
        )

    async def count_users_of_apis(
        self, *, account: str | None = None
    ) -> Mapping[tuple[str, str], int]:
        return await self._engine.read(
            lambda connection: clients.count_users_of_apis(connection, account)
        )

    async def list_credentials(self, kind: CredentialKind) -> tuple[Credential, ...]:
        return await self._engine.read(
            lambda connection: clients.list_credentials(connection, kind)
        )

    async def add_client(
        self, client: Client, credentials: Sequence[Credential] = (), *, audit: Audit = ()
    ) -> None:
        owner = (client.issuer, client.client_id)
        if any((own.issuer, own.client_id) != owner for own in credentials):
            raise ValueError("A client's first credentials must be its own.")
        await self._change(
            lambda connection: clients.add_client(connection, client, credentials),
            ("client", client.issuer, client.client_id),
            audit=audit,
        )

    async def replace_client(
        self,
        client: Client,
        *,
        seen: Client | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        await self._change(
            lambda connection: clients.replace_client(connection, client, seen),
            ("client", client.issuer, client.client_id),
            revoking=revoking,
            audit=audit,
        )

    async def delete_client(
        self,
        issuer: str,
        client_id: str,
        *,
        seen: Client | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        await self._change(
            lambda connection: clients.delete_client(connection, issuer, client_id, seen),
            ("client", issuer, client_id),
            revoking=revoking,
            audit=audit,
        )

    async def add_credential(self, credential: Credential, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: clients.add_credential(connection, credential),
            ("client", credential.issuer, credential.client_id),
            audit=audit,
        )

    async def replace_credential(
        self, credential: Credential, *, seen: Credential | None = None, audit: Audit = ()
    ) -> None:
        await self._change(
            lambda connection: clients.replace_credential(connection, credential, seen),
            ("client", credential.issuer, credential.client_id),
            audit=audit,
        )

    async def delete_credential(
        self,
        issuer: str,
        client_id: str,
        credential_id: str,
        *,
        seen: Credential | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        await self._change(
            lambda connection: clients.delete_credential(
                connection, issuer, client_id, credential_id, seen
            ),
            ("client", issuer, client_id),
            revoking=revoking,
            audit=audit,
        )

    async def list_credentials_to_mind(
        self,
        *,
        now: float,
        expires_before: float,
        used_before: float,
        account: str | None = None,
        issuer: str | None = None,
        limit: int = 1000,
    ) -> tuple[OwnedCredential, ...]:
        return await self._engine.read(
            lambda connection: credentials_to_mind.list_all(
                connection,
                now=now,
                expires_before=expires_before,
                used_before=used_before,
                account=account,
                issuer=issuer,
                limit=limit,
            )
        )

    async def list_hosts(self, issuer: str, client_id: str) -> tuple[CredentialHost, ...]:
        return await self._engine.read(
            lambda connection: clients.list_hosts(connection, issuer, client_id)
        )

    async def record_uses(self, uses: Sequence[CredentialUse]) -> None:
        await self._engine.write(
            lambda connection: clients.record_uses(connection, uses), exclusive=False
        )

    async def list_keys(self) -> tuple[StoredKey, ...]:
        return await self._engine.read(issuers.list_keys)

    async def add_key(self, key: StoredKey, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: issuers.add_key(connection, key), _change_of_key(key), audit=audit
        )

    async def replace_keys(self, keys: Sequence[StoredKey], *, audit: Audit = ()) -> None:
        def replace_all(connection: Connection) -> None:
            for key in keys:
                issuers.replace_key(connection, key)

        await self._change(replace_all, *(_change_of_key(key) for key in keys), audit=audit)

    async def delete_key(self, issuer: str, kid: str, *, audit: Audit = ()) -> None:
        await self._change(
            lambda connection: issuers.delete_key(connection, issuer, kid),
            ("key", issuer, kid),
            audit=audit,
        )

    async def exchange_keys(
        self, seen: Sequence[StoredKey], then: Sequence[StoredKey], *, audit: Audit = ()
    ) -> bool:
        now = self._clock.now()
        announced = [_change_of_key(key) for key in issuers.differing_keys(seen, then)]

        def exchange(connection: Connection) -> bool:
            changes.announce(connection, announced, now=now)
            issuers.exchange_keys(connection, seen, then)
            activity.add_events(connection, audit)
            return True

        try:
            return await self._engine.write(exchange)
        except issuers.KeysWereChanged:
            return False

    async def longest_client_token(self, issuer: str) -> int | None:
        return await self._engine.read(lambda connection: clients.longest_token(connection, issuer))

    async def revoke(self, revocations: Sequence[Revocation], *, audit: Audit = ()) -> None:
        await self._change(lambda _: None, revoking=revocations, audit=audit)

    async def find_revoked(self, issuer: str, keys: Sequence[str]) -> Mapping[str, float | None]:
        found = await self._engine.look_up(
            [(revocations.FIND_REVOKED, asked) for asked in revocations.look_ups(issuer, keys)]
        )
        return {key: before for rows in found for key, before in rows}

    async def revocations_since(
        self, issuer: str, cursor: int, *, now: float, limit: int
    ) -> RevocationPage | None:
        asked = {"issuer": issuer, "cursor": cursor, "now": now, "limit": limit}
        ((newest,),), rows = await self._engine.look_up(
            [(revocations.NEWEST, {}), (revocations.PAGE, asked)]
        )
        return None if cursor > newest else revocation_page(issuer, rows, newest, limit)

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        return await self._engine.claim(key, now=now, expires_at=expires_at)

    async def forget_expired(self, now: float) -> int:
        def forget(connection: Connection) -> int:
            forgotten = revocations.forget_expired(connection, now)
            return forgotten + sessions.forget_expired(connection, now)

        return await self._engine.write(forget, exclusive=False)

    async def forget_claims(self, prefix: str, now: float) -> int:
        return await self._engine.write(
            lambda connection: revocations.forget_claims(connection, prefix, now),
            exclusive=False,
        )

    async def revision(self) -> int:
        return await self._engine.revision()

    def listen(self, tell: Callable[[], None]) -> None:
        self._engine.listen(tell)

    async def changes_since(self, revision: int) -> tuple[Change, ...] | None:
        return await self._engine.read(
            lambda connection: changes.changes_since(connection, revision)
        )

    async def check(self) -> None:
        await self._engine.revision()
        await self._engine.write(changes.touch, exclusive=False)

    def together(self) -> Together:
        return SqlTogether(self._engine, self._clock)

    async def close(self) -> None:
        await self._engine.close()


class SqlTogether(SqlStore):
    """Gathers the changes that its methods make, and makes them all in one transaction."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._gathering = Gathering(engine)
        super().__init__(self._gathering, clock)

    async def commit(self) -> None:
        await self._gathering.commit()


def _change_of_key(key: StoredKey) -> tuple[ChangeKind, str, str]:
    return ("key", key.issuer, key.kid)
