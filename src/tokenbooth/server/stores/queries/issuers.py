"""Issuers, their APIs and the service's keys."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, delete, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from tokenbooth.server.records import Api, Issuer, StoredKey
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, StillInUse
from tokenbooth.server.stores.queries.seen import require_seen
from tokenbooth.server.stores.rows import (
    api_of,
    api_row,
    issuer_of,
    issuer_row,
    key_of,
    key_row,
)
from tokenbooth.server.stores.tables import apis, client_apis, issuers, keys


def list_issuers(connection: Connection) -> tuple[Issuer, ...]:
    """Return all issuers by name."""
    return tuple(
        issuer_of(row) for row in connection.execute(select(issuers).order_by(issuers.c.name))
    )


def add_issuer(connection: Connection, issuer: Issuer, first_keys: Sequence[StoredKey]) -> None:
    """Insert the issuer and its keys."""
    if connection.execute(select(1).where(issuers.c.name == issuer.name)).first():
        raise AlreadyExists(f"There is an issuer {issuer.name!r} already.")
    _refuse_taken_marks(connection, issuer)
    connection.execute(insert(issuers), issuer_row(issuer))
    for key in first_keys:
        add_key(connection, key)


def replace_issuer(connection: Connection, issuer: Issuer, seen: Issuer | None = None) -> None:
    """Update the issuer of that name."""
    require_issuer(connection, issuer.name)
    if seen is not None:
        chosen = select(issuers).where(issuers.c.name == issuer.name)
        require_seen(issuer_of(connection.execute(chosen).one()), seen)
    _refuse_taken_marks(connection, issuer)
    connection.execute(
        update(issuers).where(issuers.c.name == issuer.name).values(issuer_row(issuer))
    )


def require_issuer(connection: Connection, name: str) -> None:
    """Raise NotFound unless there is that issuer."""
    if not connection.execute(select(1).where(issuers.c.name == name)).first():
        raise NotFound(f"There is no issuer {name!r}.")


def _refuse_taken_marks(connection: Connection, issuer: Issuer) -> None:
    mark = issuers.c.tag == issuer.tag
    if issuer.url is not None:
        mark = or_(mark, issuers.c.url == issuer.url)
    taken = connection.execute(
        select(issuers.c.name, issuers.c.tag).where(issuers.c.name != issuer.name, mark)
    ).first()
    if taken:
        what = f"tag {issuer.tag!r}" if taken.tag == issuer.tag else f"URL {issuer.url}"
        raise AlreadyExists(f"The issuer {taken.name!r} has the {what} already.")


def list_apis(connection: Connection, issuer: str | None) -> tuple[Api, ...]:
    """Return the APIs of one issuer, or of all."""
    query = select(apis).order_by(apis.c.issuer, apis.c.name)
    if issuer is not None:
        query = query.where(apis.c.issuer == issuer)
    return tuple(api_of(row) for row in connection.execute(query))


def add_api(connection: Connection, api: Api) -> None:
    """Insert the API."""
    require_issuer(connection, api.issuer)
    if connection.execute(select(1).where(_is_api(api.issuer, api.name))).first():
        raise AlreadyExists(f"The issuer {api.issuer!r} has an API {api.name!r} already.")
    _refuse_taken_audience(connection, api)
    connection.execute(insert(apis), api_row(api))


def replace_api(connection: Connection, api: Api, seen: Api | None = None) -> None:
    """Update the API of that name."""
    require_api(connection, api.issuer, api.name)
    _require_seen_api(connection, seen)
    _refuse_taken_audience(connection, api)
    connection.execute(update(apis).where(_is_api(api.issuer, api.name)).values(api_row(api)))


def delete_api(connection: Connection, issuer: str, name: str, seen: Api | None = None) -> None:
    """Delete the API unless a client is tied to it."""
    require_api(connection, issuer, name)
    _require_seen_api(connection, seen)
    users = (
        connection.execute(
            select(client_apis.c.client_id)
            .distinct()
            .where(client_apis.c.issuer == issuer, client_apis.c.api == name)
            .order_by(client_apis.c.client_id)
            .limit(4)
        )
        .scalars()
        .all()
    )
    if users:
        named = ", ".join(repr(user) for user in users[:3]) + (", …" if len(users) > 3 else "")
        raise StillInUse(f"The API {name!r} is still in use by clients: {named}.")
    connection.execute(delete(apis).where(_is_api(issuer, name)))


def _require_seen_api(connection: Connection, seen: Api | None) -> None:
    if seen is not None:
        chosen = select(apis).where(_is_api(seen.issuer, seen.name))
        require_seen(api_of(connection.execute(chosen).one()), seen)


def require_api(connection: Connection, issuer: str, name: str) -> None:
    """Raise NotFound unless there is that API."""
    if not connection.execute(select(1).where(_is_api(issuer, name))).first():
        raise NotFound(f"The issuer {issuer!r} has no API {name!r}.")


def _is_api(issuer: str, name: str) -> ColumnElement[bool]:
    return and_(apis.c.issuer == issuer, apis.c.name == name)


def _refuse_taken_audience(connection: Connection, api: Api) -> None:
    taken = connection.execute(
        select(apis.c.name).where(
            apis.c.issuer == api.issuer, apis.c.audience == api.audience, apis.c.name != api.name
        )
    ).first()
    if taken:
        raise AlreadyExists(f"The API {taken.name!r} has the audience {api.audience} already.")


def list_keys(connection: Connection) -> tuple[StoredKey, ...]:
    """Return every key, oldest first."""
    order = (keys.c.created_at, keys.c.issuer, keys.c.kid)
    return tuple(key_of(row) for row in connection.execute(select(keys).order_by(*order)))


def add_key(connection: Connection, key: StoredKey) -> None:
    """Insert the key."""
    if connection.execute(select(1).where(_is_key(key.issuer, key.kid))).first():
        raise AlreadyExists(f"There is a key {key.kid!r} already.")
    connection.execute(insert(keys), key_row(key))


def replace_key(connection: Connection, key: StoredKey) -> None:
    """Update the key of that kid."""
    found = connection.execute(
        update(keys).where(_is_key(key.issuer, key.kid)).values(key_row(key))
    )
    if not found.rowcount:
        raise NotFound(f"There is no key {key.kid!r}.")


def delete_key(connection: Connection, issuer: str, kid: str) -> None:
    """Delete the key."""
    if not connection.execute(delete(keys).where(_is_key(issuer, kid))).rowcount:
        raise NotFound(f"There is no key {kid!r}.")


class KeysWereChanged(Exception):
    """Others changed the keys meanwhile: the transaction must not happen."""


def exchange_keys(
    connection: Connection, seen: Sequence[StoredKey], then: Sequence[StoredKey]
) -> bool:
    """Replace the whole table; raises KeysWereChanged unless it holds what was seen."""
    if set(list_keys(connection)) != set(seen):
        raise KeysWereChanged
    for key in set(seen) - set(then):
        delete_key(connection, key.issuer, key.kid)
    for key in set(then) - set(seen):
        add_key(connection, key)
    return True


def differing_keys(seen: Sequence[StoredKey], then: Sequence[StoredKey]) -> tuple[StoredKey, ...]:
    """Return one key for every name whose key is not the same in both."""
    named = {(key.issuer, key.kid): key for key in set(seen) ^ set(then)}
    return tuple(named[name] for name in sorted(named))


def _is_key(issuer: str, kid: str) -> ColumnElement[bool]:
    return and_(keys.c.issuer == issuer, keys.c.kid == kid)
