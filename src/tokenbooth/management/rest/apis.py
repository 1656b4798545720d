"""/apis: make, show, change and delete APIs."""

from fastapi import APIRouter, Response
from pydantic import Field

from tokenbooth.management import apis as management
from tokenbooth.management.apis import MAX_AUDIENCE, ApiView
from tokenbooth.management.errors import Conflict
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, OnlyIssuer, OwnIssuer, Scopes
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.rest.rights import NAME
from tokenbooth.server.records import DEFAULT_ISSUER

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
    )
    located(response, "apis", made.name, issuer=made.issuer)
    return made


@router.get("/{name}", dependencies=[require("apis:read")], responses=responses(404))
async def show_api(booth: BoothHere, name: str, issuer: OwnIssuer = DEFAULT_ISSUER) -> ApiView:
    """Show an API."""
    return await management.show_api(booth, name, issuer=issuer)


@router.post(
    "/{name}/scopes",
    dependencies=[require("apis:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def add_scopes(
    booth: BoothHere, name: str, body: MoreScopes, issuer: OwnIssuer = DEFAULT_ISSUER
) -> ApiView:
    """Give an API further scopes; clients get none of them by that."""
    return await management.add_scopes(booth, name, scopes=" ".join(body.scopes), issuer=issuer)


@router.delete(
    "/{name}",
    status_code=204,
    dependencies=[require("apis:write")],
    responses=responses(404, 409),
)
async def delete_api(booth: BoothHere, name: str, issuer: OwnIssuer = DEFAULT_ISSUER) -> None:
    """Delete an API that no client has access to."""
    if (issuer, name) == (DEFAULT_ISSUER, NAME):
        raise Conflict("The management API cannot be deleted through itself.")
    await management.delete_api(booth, name, issuer=issuer)
