"""Ask for access to an API that is not self-service, and decide what was asked."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tokenbooth.management.clients.access import with_access
from tokenbooth.management.clients.bounds import check_bounds
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.clients.revise_client import client_event
from tokenbooth.management.errors import BadInput, Conflict, Missing
from tokenbooth.management.moments import moment
from tokenbooth.management.names import shown
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.service.apis import choose_scopes, find_api, read_scope
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.server.audit import EventType
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import AccessRequest, RequestStatus
from tokenbooth.server.records import ApiAccess, Client
from tokenbooth.server.stores.contract import Stale

MAX_REASON = 2000
MOST = 1000
MOST_PENDING = 20  # of one client: whoever asks for more, floods the operators

_ID_BYTES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request for access as people see it."""

    id: str
    issuer: str
    client_id: str
    account: str
    api: str
    scopes: tuple[str, ...]
    reason: str
    requested_by: str
    requested_at: datetime
    status: RequestStatus
    decided_by: str | None
    decided_at: datetime | None
    decision: str
    version: str


def view_request(request: AccessRequest) -> RequestView:
    """Return what people see of a request."""
    return RequestView(
        id=request.id,
        issuer=request.issuer,
        client_id=request.client_id,
        account=request.account,
        api=request.api,
        scopes=request.scopes,
        reason=request.reason,
        requested_by=request.requested_by,
        requested_at=moment(request.requested_at),
        status=request.status,
        decided_by=request.decided_by,
        decided_at=moment(request.decided_at),
        decision=request.decision,
        version=version_of(request),
    )


async def request_access(
    booth: Booth,
    client_id: str,
    *,
    api: str,
    scopes: Sequence[str] | None = None,
    reason: str,
    issuer: str | None = None,
) -> RequestView:
    """Ask for scopes of an API for a client that an account owns; None: all of the API's."""
    require(booth, "requests:write")
    _check_words("reason", reason, is_needed=True)
    client = (await find_client(booth, client_id, issuer=issuer)).client
    if client.account is None:
        raise BadInput(f"The client {client_id!r} belongs to no account: grant it access instead.")
    found = await find_api(booth, api, issuer=client.issuer)
    wanted = None if scopes is None else read_scope(" ".join(scopes))
    (chosen,) = choose_scopes([found], wanted)
    had = {each.api: set(each.scopes) for each in client.access}
    if found.name in had and set(chosen) <= had[found.name]:
        raise Conflict(f"The client {client_id!r} has this access already.")
    pending = await booth.store.list_access_requests(
        account=client.account, status="pending", limit=MOST
    )
    own = [each for each in pending if (each.issuer, each.client_id) == _name(client)]
    for each in own:
        if each.api == found.name and set(chosen) <= set(each.scopes):
            raise Conflict(f"This was asked for already, by the request {each.id}.")
    if len(own) >= MOST_PENDING:
        raise Conflict(f"{MOST_PENDING} requests of this client wait already: withdraw some first.")
    request = AccessRequest(
        id=secrets.token_hex(_ID_BYTES),
        issuer=client.issuer,
        client_id=client.client_id,
        account=client.account,
        api=found.name,
        scopes=chosen,
        reason=reason,
        requested_by=str(booth.actor),
        requested_at=booth.clock.now(),
    )
    event = client_event(
        booth,
        "access_requested",
        client,
        subject=found.name,
        reason=reason,
        request=request.id,
        scopes=list(chosen),
    )
    await booth.store.add_access_request(request, audit=[event])
    return view_request(request)


async def list_requests(
    booth: Booth,
    *,
    account: str | None = None,
    status: RequestStatus | None = None,
    limit: int = 100,
) -> tuple[RequestView, ...]:
    """Return requests, the latest first; an account's people see their account's alone."""
    require(booth, "requests:read")
    own = booth.actor.account
    if own is not None and account not in (None, own):
        return ()
    found = await booth.store.list_access_requests(
        account=own or account, status=status, limit=limit
    )
    return tuple(view_request(each) for each in found)


async def show_request(booth: Booth, request_id: str) -> RequestView:
    """Return one request; raises Missing."""
    require(booth, "requests:read")
    return view_request(await _find(booth, request_id))


async def approve(
    booth: Booth,
    request_id: str,
    *,
    scopes: Sequence[str] | None = None,
    reason: str = "",
    version: str | None = None,
) -> RequestView:
    """Grant what was asked, or the part of it that `scopes` names, and close the request, at once.

    Raises Conflict when it was decided already, or when client, API or scopes are gone meanwhile.
    """
    require(booth, "requests:decide", whole=True)
    _check_words("reason", reason)

    async def attempt() -> RequestView:
        request = await _find_pending(booth, request_id, version)
        granted = request.scopes if scopes is None else _part(request, scopes)
        client = await _client_of(booth, request)
        before = next((each.scopes for each in client.access if each.api == request.api), ())
        await _check_still_there(booth, request, granted)
        access = ApiAccess(api=request.api, scopes=tuple(dict.fromkeys((*before, *granted))))
        now = booth.clock.now()
        changed = replace(with_access(client, access), updated_at=now)
        await check_bounds(booth, client, changed)
        decided = _decided(booth, request, "approved", reason)
        events = [
            _event(booth, "access_request_approved", decided, granted),
            client_event(
                booth,
                "access_granted",
                client,
                subject=request.api,
                changes={"scopes": [list(before), list(access.scopes)]},
            ),
        ]
        await booth.store.decide_access_request(decided, client=changed, seen=client, audit=events)
        return view_request(decided)

    return await revise(attempt)


async def refuse(
    booth: Booth, request_id: str, *, reason: str, version: str | None = None
) -> RequestView:
    """Refuse a request, and say why; raises Conflict when it was decided already."""
    require(booth, "requests:decide", whole=True)
    _check_words("reason", reason, is_needed=True)
    return await _close(booth, request_id, "refused", reason=reason, version=version)


async def withdraw_request(
    booth: Booth, request_id: str, *, reason: str = "", version: str | None = None
) -> RequestView:
    """Take a request back; raises Conflict when it was decided already."""
    require(booth, "requests:write")
    _check_words("reason", reason)
    return await _close(booth, request_id, "withdrawn", reason=reason, version=version)


async def _close(
    booth: Booth,
    request_id: str,
    status: Literal["refused", "withdrawn"],
    *,
    reason: str,
    version: str | None,
) -> RequestView:
    request = await _find_pending(booth, request_id, version)
    decided = _decided(booth, request, status, reason)
    type_: EventType = (
        "access_request_refused" if status == "refused" else "access_request_withdrawn"
    )
    try:
        await booth.store.decide_access_request(
            decided, audit=[_event(booth, type_, decided, request.scopes)]
        )
    except Stale as error:
        raise _decided_already(await _find(booth, request_id)) from error
    return view_request(decided)


async def _find(booth: Booth, request_id: str) -> AccessRequest:
    known = request_id.isprintable() and len(request_id) <= 128
    found = await booth.store.get_access_request(request_id) if known else None
    if found is None or booth.actor.account not in (None, found.account):
        raise Missing(f"There is no request {shown(request_id)}.")
    return found


async def _find_pending(booth: Booth, request_id: str, version: str | None) -> AccessRequest:
    request = await _find(booth, request_id)
    refuse_outdated(request, version)
    if request.status != "pending":
        raise _decided_already(request)
    return request


def _decided_already(request: AccessRequest) -> Conflict:
    return Conflict(f"The request {request.id} was {request.status} already.")


async def _client_of(booth: Booth, request: AccessRequest) -> Client:
    registered = await booth.store.get_client(request.issuer, request.client_id)
    # A client of that id that somebody else has by now is another client.
    if registered is None or registered.client.account != request.account:
        raise Conflict(
            f"The client {request.client_id!r} is gone: nothing can be granted. Refuse the request."
        )
    return registered.client


async def _check_still_there(booth: Booth, request: AccessRequest, scopes: Sequence[str]) -> None:
    try:
        api = await find_api(booth, request.api, issuer=request.issuer)
    except Missing as error:
        raise Conflict(
            f"The API {request.api!r} is gone: nothing can be granted. Refuse the request."
        ) from error
    known = {scope.name for scope in api.scopes}
    gone = [scope for scope in scopes if scope not in known]
    if gone:
        raise Conflict(
            f"The API {request.api!r} has no scope {gone[0]!r} any more: approve the others alone."
        )


def _part(request: AccessRequest, scopes: Sequence[str]) -> tuple[str, ...]:
    wanted = read_scope(" ".join(scopes))
    if not wanted:
        raise BadInput("Name at least one of the scopes that were asked for.")
    for name in wanted:
        if name not in request.scopes:
            asked = ", ".join(request.scopes)
            raise BadInput(f"The scope {name!r} was not asked for. These were: {asked}.")
    return tuple(name for name in request.scopes if name in wanted.names)


def _decided(
    booth: Booth, request: AccessRequest, status: RequestStatus, reason: str
) -> AccessRequest:
    return replace(
        request,
        status=status,
        decided_by=str(booth.actor),
        decided_at=booth.clock.now(),
        decision=reason,
    )


def _event(booth: Booth, type_: EventType, request: AccessRequest, scopes: Sequence[str]) -> Event:
    return booth.event(
        type_,
        account=request.account,
        issuer=request.issuer,
        client_id=request.client_id,
        subject=request.api,
        reason=request.decision,
        request=request.id,
        scopes=list(scopes),
    )


def _check_words(what: str, text: str, *, is_needed: bool = False) -> None:
    if is_needed and not text.strip():
        raise BadInput(f"Say the {what}: whoever reads it later has nothing else.")
    lines = text.splitlines()
    if len(text) > MAX_REASON or not all(line.isprintable() for line in lines):
        raise BadInput(f"The {what} has at most {MAX_REASON} printable characters.")


def _name(client: Client) -> tuple[str, str]:
    return client.issuer, client.client_id
