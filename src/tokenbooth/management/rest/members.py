"""/members: show, change and remove the people who sign in to the console.

A member is named by id, or by email address where that has no slash in it.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tokenbooth.management.people import members as management
from tokenbooth.management.people.members import MemberView
from tokenbooth.management.people.password_changes import reset_link
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, Text, refuse_nulls
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.invitations import LinkOnce, shown_once
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.server.people_records import Role

router = APIRouter(prefix="/members", tags=["members"])

_READ, _WRITE = "members:read", "members:write"
OnlyAccount = Annotated[str | None, Query(description="Only this account's.")]


class ChangedMember(Body):
    """What to change (RFC 7396); what is left out stays. All but the name ends the sessions."""

    name: Text | None = None
    role: Role | None = None
    account: str | None = Field(default=None, description="Where to move the member.")
    enabled: bool | None = None


class EndedSessions(BaseModel):
    """From how many browsers the member was signed out."""

    ended: int


@router.get("", dependencies=[require(_READ)], responses=responses(404))
async def list_members(
    booth: BoothHere, asked: Asked, account: OnlyAccount = None
) -> Page[MemberView]:
    """List members by email."""
    found = await management.list_members(booth, account=account)
    return asked.part(found, lambda each: (each.email,))


@router.get("/{member}", dependencies=[require(_READ)], responses=responses(404))
async def show_member(booth: BoothHere, looked: LookedAt, member: str) -> MemberView:
    """Show a member."""
    found = await management.show_member(booth, member)
    looked.tag(found.version)
    return found


@router.patch(
    "/{member}",
    dependencies=[require(_WRITE)],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def patch_member(
    booth: BoothHere, edited: EditedAs, member: str, body: ChangedMember
) -> MemberView:
    """Change name, role, account or state of a member, by a merge patch (RFC 7396)."""
    refuse_nulls(body)
    changed = await management.change_member(
        booth,
        member,
        name=body.name,
        role=body.role,
        account=body.account,
        enabled=body.enabled,
        version=edited.version,
    )
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{member}", status_code=204, dependencies=[require(_WRITE)], responses=responses(404, 409)
)
async def remove_member(booth: BoothHere, edited: EditedAs, member: str) -> None:
    """Remove a member with all sessions; what it made stays."""
    await management.remove_member(booth, member, version=edited.version)


@router.post(
    "/{member}/password-reset",
    status_code=201,
    dependencies=[require(_WRITE)],
    responses=responses(404, 409),
)
async def reset_password(booth: BoothHere, member: str) -> LinkOnce:
    """Make a one-time link to choose a new password by; it is in this answer alone."""
    return shown_once(await reset_link(booth, member))


@router.delete(
    "/{member}/second-factor", dependencies=[require(_WRITE)], responses=responses(404, 409)
)
async def remove_second_factor(booth: BoothHere, member: str) -> MemberView:
    """Let a member who lost phone and recovery codes sign in without a code."""
    return await management.remove_second_factor_of(booth, member)


@router.delete("/{member}/sessions", dependencies=[require(_WRITE)], responses=responses(404))
async def end_sessions(booth: BoothHere, member: str) -> EndedSessions:
    """Sign a member out everywhere."""
    return EndedSessions(ended=await management.end_member_sessions(booth, member))
