"""Accounts: the customers, with their people and their clients."""

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.access_requests import list_requests
from tokenbooth.management.clients.client_search import search_clients
from tokenbooth.management.errors import BadInput, Conflict, ManagementError
from tokenbooth.management.people import accounts
from tokenbooth.management.people.invitations import list_invitations
from tokenbooth.management.people.members import list_members
from tokenbooth.management.versions import version_of

_READ, _WRITE = "accounts:read", "accounts:write"
_SHOWN = 50  # accounts on a page, and an account's clients on its own
_LATEST = 10


async def show_all(visit: Visit) -> Response:
    """List accounts with what they have; who belongs to one is led there."""
    if visit.booth.actor.account is not None:
        return visit.redirect(f"/accounts/{visit.booth.actor.account}")
    text = visit.query.get("q", "").strip()[:200]
    after = visit.query.get("after", "")
    found = await accounts.search_accounts(visit.booth, text=text, after=after, limit=_SHOWN + 1)
    shown = found[:_SHOWN]
    return visit.render(
        "accounts/list.html",
        accounts=shown,
        text=text,
        is_first=not after,
        next_after=shown[-1].name if len(found) > _SHOWN else None,
    )


async def ask(visit: Visit) -> Response:
    """Ask for the name of a new account."""
    return _ask(visit)


async def create(visit: Visit) -> Response:
    """Make an account."""
    try:
        made = await accounts.create_account(
            visit.booth, name=visit.form.text("name"), title=visit.form.text("title")
        )
    except (BadInput, Conflict) as error:
        return _ask(visit, error)
    notice = f"The account {made.name} is made. Invite its owner now."
    return visit.redirect(f"/accounts/{made.name}", notice=notice)


async def show(visit: Visit) -> Response:
    """Show one account."""
    return await _show(visit)


async def change(visit: Visit) -> Response:
    """Change the title."""
    name = visit.given["account"]
    try:
        await accounts.change_account(
            visit.booth,
            name,
            title=visit.form.text("title"),
            version=visit.form.text("version"),
        )
    except (BadInput, Conflict) as error:
        return await _show(visit, error)
    return visit.redirect(f"/accounts/{name}", notice="The title is changed.")


async def delete(visit: Visit) -> Response:
    """Delete an account that has nothing left."""
    name = visit.given["account"]
    try:
        await accounts.delete_account(visit.booth, name)
    except Conflict as error:
        return await _show(visit, error)
    return visit.redirect("/accounts", notice=f"The account {name} is deleted.")


def _ask(visit: Visit, mistake: ManagementError | None = None) -> Response:
    return visit.render("accounts/new.html", status=status_of(mistake), mistake=mistake)


async def _show(visit: Visit, mistake: ManagementError | None = None) -> Response:
    name = visit.given["account"]
    record = await accounts.find_account(visit.booth, name)
    found = await search_clients(visit.booth, account=name, limit=_SHOWN)
    return visit.render(
        "accounts/show.html",
        status=status_of(mistake),
        account=await accounts.show_account(visit.booth, name),
        version=version_of(record),
        members=await list_members(visit.booth, account=name),
        invitations=[
            each
            for each in await list_invitations(visit.booth, account=name)
            if each.kind == "invitation" and not each.is_expired
        ],
        clients=found.clients,
        has_more_clients=found.next is not None,
        requests=await list_requests(visit.booth, account=name, limit=_LATEST),
        may_change=visit.may(_WRITE),
        mistake=mistake,
    )


PAGES = (
    Page(path="/accounts", show=show_all, right=_READ),
    Page(path="/accounts/new", show=ask, act=create, right=_WRITE),
    Page(path="/accounts/{account}", show=show, act=change, right=_READ),
    Page(path="/accounts/{account}/delete", act=delete, right=_WRITE),
)
