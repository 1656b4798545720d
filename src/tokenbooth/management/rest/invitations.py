"""/invitations: one-time links by which people join or choose a new password; nothing is sent."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tokenbooth.management.people import invitations as management
from tokenbooth.management.people.links import InvitationView, NewLink
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.server.people_records import InvitationKind, Role

router = APIRouter(prefix="/invitations", tags=["members"])

_READ, _WRITE = "members:read", "members:write"


class NewInvitation(Body):
    """Whom to invite."""

    email: Annotated[str, Field(max_length=320)]
    role: Role
    account: str | None = Field(default=None, description="Owners and members have one.")


class LinkOnce(BaseModel):
    """A one-time link to hand over; it is in this answer alone."""

    link: str
    id: str
    kind: InvitationKind
    email: str
    role: Role
    account: str | None
    expires_at: datetime


def shown_once(made: NewLink) -> LinkOnce:
    """Return the answer that reveals the link."""
    return LinkOnce(
        link=made.link.reveal(),
        id=made.id,
        kind=made.kind,
        email=made.email,
        role=made.role,
        account=made.account,
        expires_at=made.expires_at,
    )


@router.get("", dependencies=[require(_READ)], responses=responses(404))
async def list_invitations(
    booth: BoothHere,
    asked: Asked,
    account: Annotated[str | None, Query(description="Only this account's.")] = None,
) -> Page[InvitationView]:
    """List links that nobody followed yet, by email; never the link itself."""
    found = await management.list_invitations(booth, account=account)
    return asked.part(found, lambda each: (each.email, each.id))


@router.post(
    "",
    status_code=201,
    dependencies=[require(_WRITE)],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def invite(booth: BoothHere, body: NewInvitation) -> LinkOnce:
    """Invite somebody: the link is good for a week, and for one use."""
    made = await management.invite(booth, email=body.email, role=body.role, account=body.account)
    return shown_once(made)


@router.post(
    "/{invitation_id}/renew",
    status_code=201,
    dependencies=[require(_WRITE)],
    responses=responses(404, 409),
)
async def renew_invitation(booth: BoothHere, invitation_id: str) -> LinkOnce:
    """Make a new link in the place of the old one, which leads nowhere from then on."""
    return shown_once(await management.renew_invitation(booth, invitation_id))


@router.delete(
    "/{invitation_id}", status_code=204, dependencies=[require(_WRITE)], responses=responses(404)
)
async def withdraw_invitation(booth: BoothHere, invitation_id: str) -> None:
    """End a link before it is followed."""
    await management.withdraw_invitation(booth, invitation_id)
