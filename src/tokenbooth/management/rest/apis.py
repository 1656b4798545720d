"""/apis: make, show, change and delete APIs."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from tokenbooth.management.errors import Conflict
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import (
    Body,
    OnlyIssuer,
    OwnIssuer,
    ScopeName,
    Scopes,
    Text,
    refuse_nulls,
)
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.rest.rights import NAME
from tokenbooth.management.revise import revise
from tokenbooth.management.service import apis as management
from tokenbooth.management.service.api_changes import change_api
from tokenbooth.management.service.apis import MAX_AUDIENCE, ApiView
from tokenbooth.server.records import DEFAULT_ISSUER, ApiScope

router = APIRouter(prefix="/apis", tags=["apis"])


class NewApi(Body):
    """An API to make."""

    name: str
    audience: str = Field(max_length=MAX_AUDIENCE, description="An absolute URI (RFC 8707).")
    scopes: Scopes
    issuer: str = DEFAULT_ISSUER
    self_service: bool = Field(
        default=False, description="Members may let their own clients call it."
    )
    descriptions: dict[str, Text] = Field(
        default={}, max_length=500, description="What its scopes allow, in words."
    )


class OneScope(Body):
    """A scope, and what it allows in words."""

    name: ScopeName
    description: Text = ""


class ChangedApi(Body):
    """What to change (RFC 7396); what is left out stays."""

    audience: Annotated[str, Field(max_length=MAX_AUDIENCE)] | None = None
    scopes: Annotated[list[OneScope], Field(max_length=500)] | None = Field(
        default=None, description="All of them: whoever has one that is missing here, loses it."
    )
    self_service: bool | None = None


class MoreScopes(Body):
    """Scopes to add."""

    scopes: Scopes = Field(min_length=1)


@router.get("", dependencies=[require("apis:read")], responses=responses(404))
async def list_apis(booth: BoothHere, asked: Asked, issuer: OnlyIssuer = None) -> Page[ApiView]:
    """List APIs by issuer and name."""
    found = await management.list_apis(booth, issuer=issuer)
    return asked.part(found, lambda each: (each.issuer, each.name))


@router.post(
    "",
    status_code=201,
    dependencies=[require("apis:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def create_api(booth: BoothHere, body: NewApi, response: Response) -> ApiView:
    """Make an API."""
    made = await management.create_api(
        booth,
        name=body.name,
        audience=body.audience,
        scopes=" ".join(body.scopes),
        issuer=body.issuer,
        self_service=body.self_service,
        descriptions=body.descriptions,
    )
    located(response, "apis", made.name, issuer=made.issuer)
    return made


@router.get("/{name}", dependencies=[require("apis:read")], responses=responses(404))
async def show_api(
    booth: BoothHere, looked: LookedAt, name: str, issuer: OwnIssuer = DEFAULT_ISSUER
) -> ApiView:
    """Show an API."""
    api = await management.show_api(booth, name, issuer=issuer)
    looked.tag(api.version)
    return api


@router.patch(
    "/{name}",
    dependencies=[require("apis:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def patch_api(
    booth: BoothHere,
    edited: EditedAs,
    name: str,
    body: ChangedApi,
    issuer: OwnIssuer = DEFAULT_ISSUER,
) -> ApiView:
    """Change an API, by a merge patch (RFC 7396)."""
    _refuse_management(issuer, name)
    refuse_nulls(body)
    scopes = None
    if body.scopes is not None:
        scopes = [ApiScope(name=each.name, description=each.description) for each in body.scopes]

    async def attempt() -> ApiView:
        return await change_api(
            booth,
            name,
            issuer=issuer,
            audience=body.audience,
            scopes=scopes,
            self_service=body.self_service,
            version=edited.version,
        )

    changed = await revise(attempt)
    edited.tag(changed.version)
    return changed


@router.post(
    "/{name}/scopes",
    dependencies=[require("apis:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def add_scopes(
    booth: BoothHere,
    edited: EditedAs,
    name: str,
    body: MoreScopes,
    issuer: OwnIssuer = DEFAULT_ISSUER,
) -> ApiView:
    """Give an API further scopes; clients get none of them by that."""
    _refuse_management(issuer, name)
    scopes = " ".join(body.scopes)

    async def attempt() -> ApiView:
        return await management.add_scopes(
            booth, name, scopes=scopes, issuer=issuer, version=edited.version
        )

    changed = await revise(attempt)
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{name}",
    status_code=204,
    dependencies=[require("apis:write")],
    responses=responses(404, 409),
)
async def delete_api(
    booth: BoothHere, edited: EditedAs, name: str, issuer: OwnIssuer = DEFAULT_ISSUER
) -> None:
    """Delete an API that no client has access to."""
    _refuse_management(issuer, name)
    await management.delete_api(booth, name, issuer=issuer, version=edited.version)


def _refuse_management(issuer: str, name: str) -> None:
    if (issuer, name) == (DEFAULT_ISSUER, NAME):
        raise Conflict("The management API cannot be changed or deleted through itself.")
