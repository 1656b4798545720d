"""Clients, their credentials and the accounts that own them."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import (
    JSON,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from tokenbooth.server.audit_records import CredentialHost
from tokenbooth.server.records import (
    Client,
    Credential,
    CredentialKind,
    CredentialUse,
    RegisteredClient,
)
from tokenbooth.server.stores.activity_rows import host_of
from tokenbooth.server.stores.contract import AlreadyExists, NotFound
from tokenbooth.server.stores.queries.accounts import require_account
from tokenbooth.server.stores.queries.issuers import require_api, require_issuer
from tokenbooth.server.stores.queries.seen import require_seen
from tokenbooth.server.stores.rows import (
    ACCESS,
    client_api_rows,
    client_row,
    credential_of,
    credential_replacement,
    credential_row,
    registered_clients,
)
from tokenbooth.server.stores.tables import client_apis, clients, credential_hosts, credentials

# The three look-ups that make up one client; they take `issuer` and `client_id`.
ONE_CLIENT = tuple(
    select(table)
    .where(
        table.c.issuer == bindparam("issuer"),
        table.c.client_id == bindparam("client_id"),
    )
    .order_by(*order)
    for table, order in (
        (clients, ()),
        (client_apis, (client_apis.c.position,)),
        (credentials, (credentials.c.created_at, credentials.c.id)),
    )
)

# PostgreSQL looks into JSON alone, SQLite into text.
_DESCRIPTION = type_coerce(cast(clients.c.policy, Text().with_variant(JSON(), "postgresql")), JSON)[
    "description"
].as_string()

HOSTS_REMEMBERED = 50  # for each credential, the latest

# SQLite and PostgreSQL read this the same way.
_NOTE_HOST = text(
    """
    INSERT INTO credential_hosts (credential_id, source, agent, first_at, last_at, count)
    VALUES (:credential_id, :source, :agent, :at, :at, :count)
    ON CONFLICT (credential_id, source) DO UPDATE SET
        agent = excluded.agent,
        last_at = CASE WHEN excluded.last_at > credential_hosts.last_at
            THEN excluded.last_at ELSE credential_hosts.last_at END,
        count = credential_hosts.count + excluded.count
    """
)


def find_clients(connection: Connection, client_id: str) -> tuple[RegisteredClient, ...]:
    """Return the clients of that id at every issuer."""
    page = select(clients.c.issuer, clients.c.client_id).where(clients.c.client_id == client_id)
    return _clients_of(connection, page)


def list_clients(
    connection: Connection,
    *,
    issuer: str | None,
    account: str | None,
    enabled: bool | None,
    text: str | None,
    api: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> tuple[RegisteredClient, ...]:
    """Return one page of clients."""
    page = select(clients.c.issuer, clients.c.client_id)
    if issuer is not None:
        page = page.where(clients.c.issuer == issuer)
    if account is not None:
        page = page.where(clients.c.account == account)
    if enabled is not None:
        page = page.where(clients.c.enabled == enabled)
    if text is not None:
        searched = (clients.c.client_id, clients.c.name, _DESCRIPTION)
        page = page.where(or_(*(each.icontains(text, autoescape=True) for each in searched)))
    if api is not None:
        page = page.join(client_apis, _has_access()).where(client_apis.c.api == api)
    if after is not None:
        page = page.where(tuple_(clients.c.issuer, clients.c.client_id) > tuple_(*after))
    page = page.order_by(clients.c.issuer, clients.c.client_id).limit(limit)
    return _clients_of(connection, page)


def count_users_of_apis(connection: Connection, account: str | None) -> dict[tuple[str, str], int]:
    """Count the clients that have access to each API."""
    counted = select(client_apis.c.issuer, client_apis.c.api, func.count()).where(
        client_apis.c.role == ACCESS
    )
    if account is not None:
        counted = counted.join(clients, _has_access()).where(clients.c.account == account)
    rows = connection.execute(counted.group_by(client_apis.c.issuer, client_apis.c.api))
    return {(issuer, api): count for issuer, api, count in rows}


def _has_access() -> ColumnElement[bool]:
    return and_(
        client_apis.c.issuer == clients.c.issuer,
        client_apis.c.client_id == clients.c.client_id,
        client_apis.c.role == ACCESS,
    )


def _clients_of(
    connection: Connection, page: Select[tuple[str, str]]
) -> tuple[RegisteredClient, ...]:
    chosen = page.subquery()
    client_rows, api_rows, credential_rows = (
        connection.execute(
            select(table)
            .join(
                chosen,
                and_(
                    table.c.issuer == chosen.c.issuer,
                    table.c.client_id == chosen.c.client_id,
                ),
            )
            .order_by(*order)
        ).all()
        for table, order in (
            (clients, (clients.c.issuer, clients.c.client_id)),
            (client_apis, (client_apis.c.position,)),
            (credentials, (credentials.c.created_at, credentials.c.id)),
        )
    )
    return registered_clients(client_rows, api_rows, credential_rows)


def list_credentials(connection: Connection, kind: CredentialKind) -> tuple[Credential, ...]:
    """Select every credential of that kind."""
    chosen = (
        select(credentials)
        .where(credentials.c.kind == kind)
        .order_by(credentials.c.issuer, credentials.c.client_id, credentials.c.id)
    )
    return tuple(credential_of(row) for row in connection.execute(chosen))


def add_client(connection: Connection, client: Client, first: Sequence[Credential]) -> None:
    """Insert the client, what ties it to APIs, and its credentials."""
    require_issuer(connection, client.issuer)
    if connection.execute(select(1).where(_is_client(client.issuer, client.client_id))).first():
        raise AlreadyExists(
            f"The issuer {client.issuer!r} has a client {client.client_id!r} already."
        )
    require_account(connection, client.account)
    connection.execute(insert(clients), client_row(client))
    _tie_to_apis(connection, client)
    for credential in first:
        add_credential(connection, credential)


def replace_client(connection: Connection, client: Client, seen: Client | None = None) -> None:
    """Update the client and what ties it to APIs."""
    _require_client(connection, client.issuer, client.client_id)
    require_seen_client(connection, seen)
    require_account(connection, client.account)
    connection.execute(
        update(clients)
        .where(_is_client(client.issuer, client.client_id))
        .values(client_row(client))
    )
    connection.execute(
        delete(client_apis).where(
            client_apis.c.issuer == client.issuer, client_apis.c.client_id == client.client_id
        )
    )
    _tie_to_apis(connection, client)


def require_seen_client(connection: Connection, seen: Client | None) -> None:
    """Raise NotFound, or Stale unless the client is as it was seen."""
    if seen is None:
        return
    own = select(clients.c.issuer, clients.c.client_id).where(
        _is_client(seen.issuer, seen.client_id)
    )
    found = _clients_of(connection, own)
    if not found:
        raise _no_client(seen.issuer, seen.client_id)
    require_seen(found[0].client, seen)


def delete_client(
    connection: Connection, issuer: str, client_id: str, seen: Client | None = None
) -> None:
    """Delete the client; its credentials and ties go with it."""
    require_seen_client(connection, seen)
    if not connection.execute(delete(clients).where(_is_client(issuer, client_id))).rowcount:
        raise _no_client(issuer, client_id)


def add_credential(connection: Connection, credential: Credential) -> None:
    """Insert the credential."""
    _require_client(connection, credential.issuer, credential.client_id)
    if connection.execute(select(1).where(credentials.c.id == credential.id)).first():
        raise AlreadyExists(f"There is a credential {credential.id!r} already.")
    connection.execute(insert(credentials), credential_row(credential))


def replace_credential(
    connection: Connection, credential: Credential, seen: Credential | None = None
) -> None:
    """Update the credential of that id, but for its last use."""
    if seen is not None:
        _require_seen_credential(connection, seen)
    found = connection.execute(
        update(credentials)
        .where(_is_credential(credential.issuer, credential.client_id, credential.id))
        .values(credential_replacement(credential))
    )
    if not found.rowcount:
        raise _no_credential(credential.client_id, credential.id)


def _require_seen_credential(connection: Connection, seen: Credential) -> None:
    row = connection.execute(
        select(credentials).where(_is_credential(seen.issuer, seen.client_id, seen.id))
    ).first()
    if row is None:
        raise _no_credential(seen.client_id, seen.id)
    current = credential_of(row)
    used = replace(seen, last_used_at=current.last_used_at, last_used_from=current.last_used_from)
    require_seen(current, used)


def delete_credential(
    connection: Connection,
    issuer: str,
    client_id: str,
    credential_id: str,
    seen: Credential | None = None,
) -> None:
    """Delete the credential."""
    if seen is not None:
        _require_seen_credential(connection, seen)
    found = connection.execute(
        delete(credentials).where(_is_credential(issuer, client_id, credential_id))
    )
    if not found.rowcount:
        raise _no_credential(client_id, credential_id)


def record_uses(connection: Connection, uses: Sequence[CredentialUse]) -> None:
    """Write last uses, unless a later one is known."""
    last = credentials.c.last_used_at
    noted = (
        update(credentials)
        .where(
            credentials.c.id == bindparam("used_id"),
            credentials.c.issuer == bindparam("used_issuer"),
            credentials.c.client_id == bindparam("used_client_id"),
            or_(last.is_(None), last <= bindparam("at")),
        )
        .values(last_used_at=bindparam("at"), last_used_from=bindparam("source"))
    )
    # In one order everywhere: two nodes that write the same rows must not wait for each other.
    for use in sorted(uses, key=lambda use: (use.credential_id, use.at)):
        connection.execute(
            noted,
            {
                "used_id": use.credential_id,
                "used_issuer": use.issuer,
                "used_client_id": use.client_id,
                "at": use.at,
                "source": use.source,
            },
        )
        known = select(1).where(_is_credential(use.issuer, use.client_id, use.credential_id))
        if connection.execute(known).first():
            _note_host(connection, use)


def _note_host(connection: Connection, use: CredentialUse) -> None:
    noted = {
        "credential_id": use.credential_id,
        "source": use.source,
        "agent": use.agent,
        "at": use.at,
        "count": use.count,
    }
    connection.execute(_NOTE_HOST, noted)
    newest = (
        select(credential_hosts.c.source)
        .where(credential_hosts.c.credential_id == use.credential_id)
        .order_by(credential_hosts.c.last_at.desc(), credential_hosts.c.source)
        .limit(HOSTS_REMEMBERED)
    )
    connection.execute(
        delete(credential_hosts).where(
            credential_hosts.c.credential_id == use.credential_id,
            credential_hosts.c.source.not_in(newest),
        )
    )


def list_hosts(connection: Connection, issuer: str, client_id: str) -> tuple[CredentialHost, ...]:
    """Return who used the client's credentials, the latest first."""
    chosen = (
        select(credential_hosts)
        .join(credentials, credentials.c.id == credential_hosts.c.credential_id)
        .where(credentials.c.issuer == issuer, credentials.c.client_id == client_id)
        .order_by(credential_hosts.c.last_at.desc(), credential_hosts.c.source)
    )
    return tuple(host_of(row) for row in connection.execute(chosen))


def _tie_to_apis(connection: Connection, client: Client) -> None:
    ties = client_api_rows(client)
    seen = set()
    for tie in ties:
        require_api(connection, client.issuer, str(tie["api"]))
        if (tie["role"], tie["api"]) in seen:
            raise AlreadyExists(f"The API {tie['api']!r} is listed twice.")
        seen.add((tie["role"], tie["api"]))
    if ties:
        connection.execute(insert(client_apis), ties)


def _require_client(connection: Connection, issuer: str, client_id: str) -> None:
    if not connection.execute(select(1).where(_is_client(issuer, client_id))).first():
        raise _no_client(issuer, client_id)


def _is_client(issuer: str, client_id: str) -> ColumnElement[bool]:
    return and_(clients.c.issuer == issuer, clients.c.client_id == client_id)


def _is_credential(issuer: str, client_id: str, credential_id: str) -> ColumnElement[bool]:
    return and_(
        credentials.c.id == credential_id,
        credentials.c.issuer == issuer,
        credentials.c.client_id == client_id,
    )


def _no_client(issuer: str, client_id: str) -> NotFound:
    return NotFound(f"The issuer {issuer!r} has no client {client_id!r}.")


def _no_credential(client_id: str, credential_id: str) -> NotFound:
    return NotFound(f"The client {client_id!r} has no credential {credential_id!r}.")


def longest_token(connection: Connection, issuer: str) -> int | None:
    """Return the longest token lifetime of the issuer's clients that have one of their own."""
    own = clients.c.token_lifetime
    longest = select(func.max(own)).where(clients.c.issuer == issuer, own.is_not(None))
    found: int | None = connection.execute(longest).scalar_one()
    return found
