"""What accounts ask for, and what became of it."""

from sqlalchemy import Connection, insert, select, update

from tokenbooth.server.people_records import AccessRequest, RequestStatus
from tokenbooth.server.stores.contract import AlreadyExists, NotFound
from tokenbooth.server.stores.people_rows import request_of, request_row
from tokenbooth.server.stores.queries.seen import require_seen
from tokenbooth.server.stores.tables import access_requests


def add(connection: Connection, request: AccessRequest) -> None:
    """Insert the request."""
    if get(connection, request.id) is not None:
        raise AlreadyExists(f"There is a request {request.id!r} already.")
    connection.execute(insert(access_requests), request_row(request))


def get(connection: Connection, request_id: str) -> AccessRequest | None:
    """Return the request of that id."""
    chosen = select(access_requests).where(access_requests.c.id == request_id)
    row = connection.execute(chosen).first()
    return None if row is None else request_of(row)


def list_all(
    connection: Connection, *, account: str | None, status: RequestStatus | None, limit: int
) -> tuple[AccessRequest, ...]:
    """Return requests, the latest first."""
    chosen = select(access_requests)
    if account is not None:
        chosen = chosen.where(access_requests.c.account == account)
    if status is not None:
        chosen = chosen.where(access_requests.c.status == status)
    order = (access_requests.c.requested_at.desc(), access_requests.c.id)
    return tuple(
        request_of(row) for row in connection.execute(chosen.order_by(*order).limit(limit))
    )


def decide(connection: Connection, request: AccessRequest) -> None:
    """Update a request that is still pending."""
    current = get(connection, request.id)
    if current is None:
        raise NotFound(f"There is no request {request.id!r}.")
    require_seen(current.status, "pending")
    chosen = update(access_requests).where(access_requests.c.id == request.id)
    connection.execute(chosen.values(request_row(request)))
