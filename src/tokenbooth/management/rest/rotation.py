"""/clients/…/rotation and /reminders: how far a rotation is, and what is to be looked after."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from tokenbooth.management.clients import rotation as management
from tokenbooth.management.clients.credentials import DAY, LONGEST_VALIDITY, CredentialView
from tokenbooth.management.clients.reminders import MOST, Reminder, list_reminders
from tokenbooth.management.clients.rotation import QUIET, RotationStatus
from tokenbooth.management.rest.access import BoothHere, KeeperHere, require
from tokenbooth.management.rest.bodies import OneIssuer, OnlyIssuer
from tokenbooth.management.rest.problems import responses

router = APIRouter(tags=["credentials"])

Quiet = Annotated[
    int,
    Query(
        ge=0,
        le=LONGEST_VALIDITY,
        description="Seconds: the old secret can go when nobody used it for so long.",
    ),
]
Force = Annotated[bool, Query(description="Even if that is not safe.")]
Span = Annotated[int, Query(ge=0, le=LONGEST_VALIDITY, description="Seconds.")]


class CredentialsLeft(BaseModel):
    """The credentials that a client has."""

    items: list[CredentialView]


class Reminders(BaseModel):
    """What is to be looked after; what ends first comes first."""

    items: list[Reminder]


@router.get(
    "/clients/{client_id}/rotation",
    dependencies=[require("clients:read")],
    responses=responses(404),
)
async def show_rotation(
    booth: BoothHere, client_id: str, issuer: OneIssuer = None, quiet: Quiet = QUIET
) -> RotationStatus:
    """Show who still uses the old secrets of a rotation, and whether they can go."""
    return await management.rotation_status(booth, client_id, issuer=issuer, quiet=quiet)


@router.post(
    "/clients/{client_id}/rotation/finish",
    dependencies=[require("credentials:write")],
    responses=responses(404, 409),
)
async def finish_rotation(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    issuer: OneIssuer = None,
    quiet: Quiet = QUIET,
    force: Force = False,  # noqa: FBT002 - a parameter of the URL
    revoke_tokens: Annotated[  # noqa: FBT002 - a parameter of the URL
        bool, Query(description="End what the old ones were used to get, too.")
    ] = False,
) -> RotationStatus:
    """Remove the old secrets, if nobody uses them; the answer is how it was until then."""
    client = await keeper.check_client(client_id, issuer)
    return await management.finish_rotation(
        booth,
        client_id,
        issuer=client.issuer,
        force=force,
        quiet=quiet,
        revoke_tokens=revoke_tokens,
    )


@router.post(
    "/clients/{client_id}/rotation/cancel",
    dependencies=[require("credentials:write")],
    responses=responses(404, 409),
)
async def cancel_rotation(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    issuer: OneIssuer = None,
    force: Force = False,  # noqa: FBT002 - a parameter of the URL
) -> CredentialsLeft:
    """Remove the new secret, and let the old one live as long as it was to before."""
    client = await keeper.check_client(client_id, issuer)
    left = await management.cancel_rotation(booth, client_id, issuer=client.issuer, force=force)
    return CredentialsLeft(items=list(left))


@router.get("/reminders", dependencies=[require("clients:read")], responses=responses(404))
async def show_reminders(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    within: Span = 30 * DAY,
    unused_for: Span = 30 * DAY,
    account: Annotated[str | None, Query(description="Only this account's.")] = None,
    issuer: OnlyIssuer = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Look at so many.")] = MOST,
) -> Reminders:
    """Show credentials that end soon, that nobody uses, and rotations to finish."""
    found = await list_reminders(
        booth, within=within, unused_for=unused_for, account=account, issuer=issuer, limit=limit
    )
    return Reminders(items=list(found))
