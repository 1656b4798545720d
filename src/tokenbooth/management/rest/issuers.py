"""/issuers: make and show issuers, and end their tokens."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, refuse_nulls
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.revise import revise
from tokenbooth.management.service import issuers as management
from tokenbooth.management.service.issuer_changes import IssuerChanges, change_issuer
from tokenbooth.management.service.issuers import LONGEST_REFRESH, LONGEST_TOKEN, IssuerView
from tokenbooth.protocol.dialects import STANDARD
from tokenbooth.server.records import ProfileName, TokenFormat

router = APIRouter(prefix="/issuers", tags=["issuers"])


class NewIssuer(Body):
    """An issuer to make; what is left out comes from its dialect."""

    name: str = Field(description="Becomes part of its URL.")
    url: str | None = Field(default=None, description="Where it is not part of the service's.")
    dialect: str = STANDARD
    token_format: TokenFormat | None = None
    token_lifetime: Annotated[int, Field(ge=1, le=LONGEST_TOKEN)] | None = None
    refresh_tokens: bool | None = None
    refresh_lifetime: Annotated[int, Field(ge=1, le=LONGEST_REFRESH)] | None = None
    alg: str = "ES256"


class ChangedIssuer(Body):
    """What to change (RFC 7396); what is left out stays."""

    dialect: str | None = None
    token_format: TokenFormat | None = None
    token_lifetime: Annotated[int, Field(ge=1, le=LONGEST_TOKEN)] | None = None
    refresh_tokens: bool | None = None
    refresh_lifetime: Annotated[int, Field(ge=1, le=LONGEST_REFRESH)] | None = None
    profile: ProfileName | None = None
    dpop_nonce: bool | None = None


@router.get("", dependencies=[require("issuers:read")], responses=responses())
async def list_issuers(booth: BoothHere, asked: Asked) -> Page[IssuerView]:
    """List issuers by name."""
    return asked.part(await management.list_issuers(booth), lambda each: (each.name,))


@router.post(
    "",
    status_code=201,
    dependencies=[require("issuers:write")],
    responses=responses(400, 408, 409, 413, 415),
)
async def create_issuer(booth: BoothHere, body: NewIssuer, response: Response) -> IssuerView:
    """Make an issuer with its keys."""
    made = await management.create_issuer(booth, **body.model_dump())
    located(response, "issuers", made.name)
    return made


@router.get("/{name}", dependencies=[require("issuers:read")], responses=responses(404))
async def show_issuer(booth: BoothHere, looked: LookedAt, name: str) -> IssuerView:
    """Show an issuer."""
    issuer = await management.show_issuer(booth, name)
    looked.tag(issuer.version)
    return issuer


@router.patch(
    "/{name}",
    dependencies=[require("issuers:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def patch_issuer(
    booth: BoothHere, edited: EditedAs, name: str, body: ChangedIssuer
) -> IssuerView:
    """Change how an issuer gives tokens, by a merge patch (RFC 7396)."""
    refuse_nulls(body)
    changes = IssuerChanges(**body.model_dump())

    async def attempt() -> IssuerView:
        return await change_issuer(booth, name, changes, version=edited.version)

    changed = await revise(attempt)
    edited.tag(changed.version)
    return changed


@router.post(
    "/{name}/revoke-tokens", dependencies=[require("issuers:write")], responses=responses(404)
)
async def revoke_issuer_tokens(booth: BoothHere, name: str) -> IssuerView:
    """End every token that the issuer issued so far, those of the callers here included."""
    return await management.revoke_issuer_tokens(booth, name)
