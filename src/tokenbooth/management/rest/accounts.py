"""/accounts: make and list accounts."""

from fastapi import APIRouter

from tokenbooth.management import accounts as management
from tokenbooth.management.accounts import AccountView
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, Text
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses

router = APIRouter(prefix="/accounts", tags=["accounts"])


class NewAccount(Body):
    """An account to make."""

    name: str
    title: Text = ""


@router.get("", dependencies=[require("accounts:read")], responses=responses())
async def list_accounts(booth: BoothHere, asked: Asked) -> Page[AccountView]:
    """List accounts by name."""
    return asked.part(await management.list_accounts(booth), lambda each: (each.name,))


@router.post(
    "",
    status_code=201,
    dependencies=[require("accounts:write")],
    responses=responses(400, 408, 409, 413, 415),
)
async def create_account(booth: BoothHere, body: NewAccount) -> AccountView:
    """Make an account."""
    return await management.create_account(booth, name=body.name, title=body.title)


@router.get("/{name}", dependencies=[require("accounts:read")], responses=responses(404))
async def show_account(booth: BoothHere, name: str) -> AccountView:
    """Show an account."""
    return management.view_account(await management.find_account(booth, name))
