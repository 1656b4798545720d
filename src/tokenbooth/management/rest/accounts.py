"""/accounts: make, show, change and delete the customers that own clients."""

from fastapi import APIRouter, Response

from tokenbooth.management.people import accounts as management
from tokenbooth.management.people.accounts import AccountDetails, AccountView
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import Body, Text, refuse_nulls
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses

router = APIRouter(prefix="/accounts", tags=["accounts"])


class NewAccount(Body):
    """An account to make."""

    name: str
    title: Text = ""


class ChangedAccount(Body):
    """What to change (RFC 7396); what is left out stays."""

    title: Text | None = None


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
async def create_account(booth: BoothHere, body: NewAccount, response: Response) -> AccountView:
    """Make an account."""
    made = await management.create_account(booth, name=body.name, title=body.title)
    located(response, "accounts", made.name)
    return made


@router.get("/{name}", dependencies=[require("accounts:read")], responses=responses(404))
async def show_account(booth: BoothHere, looked: LookedAt, name: str) -> AccountDetails:
    """Show an account, and how many clients and members it has."""
    account = await management.show_account(booth, name)
    looked.tag(account.version)
    return account


@router.patch(
    "/{name}",
    dependencies=[require("accounts:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def patch_account(
    booth: BoothHere, edited: EditedAs, name: str, body: ChangedAccount
) -> AccountView:
    """Change the title of an account, by a merge patch (RFC 7396)."""
    refuse_nulls(body)
    account = await management.find_account(booth, name)
    title = account.title if body.title is None else body.title
    changed = await management.change_account(booth, name, title=title, version=edited.version)
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{name}",
    status_code=204,
    dependencies=[require("accounts:write")],
    responses=responses(404, 409),
)
async def delete_account(booth: BoothHere, edited: EditedAs, name: str) -> None:
    """Delete an account that has neither clients nor members any more."""
    await management.delete_account(booth, name, version=edited.version)
