"""/keys: show, rotate and remove the keys of issuers."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, OnlyIssuer
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.service import keys as management
from tokenbooth.management.service.keys import LONGEST_LEAD, KeyView
from tokenbooth.server.records import DEFAULT_ISSUER

router = APIRouter(prefix="/keys", tags=["keys"])


class Rotation(Body):
    """Which key is to be followed by another one."""

    issuer: str = DEFAULT_ISSUER
    sealing: bool = Field(default=False, description="The key of opaque tokens, not the JWTs'.")
    alg: str | None = Field(default=None, description="The issuer's from then on.")
    lead: Annotated[int, Field(ge=0, le=LONGEST_LEAD)] | None = Field(
        default=None, description="Seconds until it is used; left out: as the schedule says."
    )


@router.get("", dependencies=[require("keys:read")], responses=responses(404))
async def list_keys(booth: BoothHere, asked: Asked, issuer: OnlyIssuer = None) -> Page[KeyView]:
    """List keys by issuer and purpose, oldest first; never their private halves."""
    return asked.part(
        await management.list_keys(booth, issuer=issuer),
        lambda each: (each.issuer, each.purpose, each.created_at.isoformat(), each.kid),
    )


@router.post(
    "/rotate",
    status_code=201,
    dependencies=[require("keys:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def rotate_key(booth: BoothHere, body: Rotation) -> KeyView:
    """Make the key that follows the one in use; it lies where that one does."""
    # Where else a key may lie is the operator's to say on the machine: it loads a library.
    return await management.rotate_key(
        booth, issuer=body.issuer, sealing=body.sealing, alg=body.alg, lead=body.lead
    )


@router.delete(
    "/{kid}",
    status_code=204,
    dependencies=[require("keys:write")],
    responses=responses(404, 409),
)
async def remove_key(
    booth: BoothHere,
    kid: str,
    issuer: OnlyIssuer = None,
    force: Annotated[bool, Query(description="Even if that ends tokens.")] = False,  # noqa: FBT002 - a parameter of the URL
) -> None:
    """Remove a key that no token needs any more."""
    await management.remove_key(booth, kid, issuer=issuer, force=force)
