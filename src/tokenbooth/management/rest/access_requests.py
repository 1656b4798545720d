"""/access-requests: ask for access to an API, and decide what was asked."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from tokenbooth.management.clients import access_requests as management
from tokenbooth.management.clients.access_requests import MAX_REASON, MOST, RequestView
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, Scopes
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.problems import responses
from tokenbooth.server.people_records import RequestStatus

router = APIRouter(prefix="/access-requests", tags=["access requests"])

Words = Annotated[str, Field(max_length=MAX_REASON)]


class NewRequest(Body):
    """Access to ask for."""

    client: str = Field(description="The client's id.")
    issuer: str | None = Field(default=None, description="Needed where several have the client.")
    api: str
    scopes: Scopes | None = Field(default=None, description="Left out: all of the API's.")
    reason: Words = Field(description="Why, in your words.")


class Approval(Body):
    """What is granted."""

    scopes: Scopes | None = Field(default=None, description="Left out: all that was asked for.")
    reason: Words = ""


class RefusalReason(Body):
    """Why it is refused."""

    reason: Words


class Withdrawal(Body):
    """Why it is no longer needed."""

    reason: Words = ""


class Requests(BaseModel):
    """Requests, the latest first."""

    items: list[RequestView]


@router.get("", dependencies=[require("requests:read")], responses=responses())
async def list_access_requests(
    booth: BoothHere,
    account: Annotated[str | None, Query(description="Only this account's.")] = None,
    status: RequestStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Requests:
    """List requests for access, the latest first."""
    found = await management.list_requests(booth, account=account, status=status, limit=limit)
    return Requests(items=list(found))


@router.post(
    "",
    status_code=201,
    dependencies=[require("requests:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def create_access_request(
    booth: BoothHere, body: NewRequest, response: Response
) -> RequestView:
    """Ask for access to an API for a client that an account owns."""
    made = await management.request_access(
        booth,
        body.client,
        api=body.api,
        scopes=body.scopes,
        reason=body.reason,
        issuer=body.issuer,
    )
    located(response, "access-requests", made.id)
    return made


@router.get("/{request_id}", dependencies=[require("requests:read")], responses=responses(404))
async def show_access_request(booth: BoothHere, looked: LookedAt, request_id: str) -> RequestView:
    """Show a request for access, and what became of it."""
    found = await management.show_request(booth, request_id)
    looked.tag(found.version)
    return found


@router.post(
    "/{request_id}/approve",
    dependencies=[require("requests:decide")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def approve_access_request(
    booth: BoothHere, edited: EditedAs, request_id: str, body: Approval
) -> RequestView:
    """Grant what was asked for, or a part of it."""
    decided = await management.approve(
        booth,
        request_id,
        scopes=body.scopes,
        reason=body.reason,
        version=edited.version,
    )
    edited.tag(decided.version)
    return decided


@router.post(
    "/{request_id}/refuse",
    dependencies=[require("requests:decide")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def refuse_access_request(
    booth: BoothHere, edited: EditedAs, request_id: str, body: RefusalReason
) -> RequestView:
    """Refuse what was asked for, and say why."""
    decided = await management.refuse(booth, request_id, reason=body.reason, version=edited.version)
    edited.tag(decided.version)
    return decided


@router.post(
    "/{request_id}/withdraw",
    dependencies=[require("requests:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def withdraw_access_request(
    booth: BoothHere, edited: EditedAs, request_id: str, body: Withdrawal
) -> RequestView:
    """Take a request back that nobody has decided yet."""
    decided = await management.withdraw_request(
        booth, request_id, reason=body.reason, version=edited.version
    )
    edited.tag(decided.version)
    return decided
