"""Requests for access: asking, seeing what became of it, and deciding."""

from dataclasses import dataclass

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients import access_requests
from tokenbooth.management.clients.access_requests import RequestView
from tokenbooth.management.clients.client_search import search_clients
from tokenbooth.management.errors import BadInput, ManagementError, Missing, NotAllowed
from tokenbooth.management.service.apis import find_api
from tokenbooth.server.records import Api, ApiScope

_DECIDED = 50  # are listed
_PENDING = 500
_CLIENTS = 200  # to choose among


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedScope:
    """A scope that is asked for, as the API has it now."""

    name: str
    description: str
    is_there: bool  # the API still has it


async def show_all(visit: Visit) -> Response:
    """List what waits, and what was decided."""
    pending = await access_requests.list_requests(visit.booth, status="pending", limit=_PENDING)
    latest = await access_requests.list_requests(visit.booth, limit=_PENDING + _DECIDED)
    return visit.render(
        "requests/list.html",
        pending=pending,
        decided=[each for each in latest if each.status != "pending"][:_DECIDED],
    )


async def ask(visit: Visit) -> Response:
    """Ask for which client, which scopes and why."""
    issuer, api = visit.query.get("issuer", ""), visit.query.get("api", "")
    return await _ask(visit, issuer, api, None)


async def create(visit: Visit) -> Response:
    """Make the request."""
    issuer, api = visit.form.text("issuer"), visit.form.text("api")
    scopes = visit.form.all("scope")
    try:
        if not scopes:
            raise BadInput("Choose at least one scope.")
        made = await access_requests.request_access(
            visit.booth,
            visit.form.text("client"),
            api=api,
            scopes=scopes,
            reason=visit.form.text("reason"),
            issuer=issuer,
        )
    except ManagementError as error:
        return await _ask(visit, issuer, api, error)
    notice = "Asked. An operator decides; what becomes of it is shown here."
    return visit.redirect(f"/requests/{made.id}", notice=notice)


async def show(visit: Visit) -> Response:
    """Show one with what is asked for, and what became of it."""
    return await _show(visit, None)


async def approve(visit: Visit) -> Response:
    """Grant all of it, or the scopes that stay ticked."""
    scopes = visit.form.all("scope")
    try:
        if not scopes:
            raise BadInput("Tick at least one scope, or refuse the request.")
        done = await access_requests.approve(
            visit.booth,
            visit.given["id"],
            scopes=scopes,
            reason=visit.form.text("reason"),
            version=visit.form.text("version"),
        )
    except ManagementError as error:
        return await _show(visit, error)
    notice = f"Approved. {done.client_id} may have {' '.join(scopes)} of {done.api} now."
    return visit.redirect("/requests", notice=notice)


async def refuse(visit: Visit) -> Response:
    """Refuse it, with a reason."""
    try:
        done = await access_requests.refuse(
            visit.booth,
            visit.given["id"],
            reason=visit.form.text("reason"),
            version=visit.form.text("version"),
        )
    except ManagementError as error:
        return await _show(visit, error)
    return visit.redirect("/requests", notice=f"Refused. {done.account} sees your reason.")


async def withdraw(visit: Visit) -> Response:
    """Take it back."""
    try:
        await access_requests.withdraw_request(visit.booth, visit.given["id"])
    except ManagementError as error:
        return await _show(visit, error)
    return visit.redirect("/requests", notice="Withdrawn. You can ask again at any time.")


async def _ask(visit: Visit, issuer: str, api: str, mistake: ManagementError | None) -> Response:
    if visit.booth.actor.account is None:
        raise NotAllowed("You need not ask: grant access on the client's page.")
    found = await find_api(visit.booth, api, issuer=issuer)
    clients = await search_clients(visit.booth, issuer=issuer, limit=_CLIENTS)
    asked_for = visit.form.text("client") or visit.query.get("client", "")
    return visit.render(
        "requests/new.html",
        status=status_of(mistake),
        mistake=mistake,
        api=found,
        clients=tuple(
            (
                client.client_id,
                f"{client.name} ({client.client_id})" if client.name else client.client_id,
            )
            for client in clients.clients
        ),
        client=asked_for,
        scopes=visit.form.all("scope"),
        reason=visit.form.text("reason"),
    )


async def _show(visit: Visit, mistake: ManagementError | None) -> Response:
    try:
        request = await access_requests.show_request(visit.booth, visit.given["id"])
    except Missing:
        raise mistake or Missing("There is no such request.") from None
    api = await _api_of(visit, request)
    return visit.render(
        "requests/show.html",
        status=status_of(mistake),
        mistake=mistake,
        request=request,
        scopes=_asked_scopes(request, () if api is None else api.scopes),
        is_api_there=api is not None,
        ticked=visit.form.all("scope") if visit.path.endswith("/approve") else request.scopes,
        approving=visit.form.text("reason") if visit.path.endswith("/approve") else "",
        refusing=visit.form.text("reason") if visit.path.endswith("/refuse") else "",
    )


async def _api_of(visit: Visit, request: RequestView) -> Api | None:
    try:
        return await find_api(visit.booth, request.api, issuer=request.issuer)
    except Missing:
        return None


def _asked_scopes(request: RequestView, known: tuple[ApiScope, ...]) -> tuple[AskedScope, ...]:
    descriptions = {scope.name: scope.description for scope in known}
    return tuple(
        AskedScope(name=name, description=descriptions.get(name, ""), is_there=name in descriptions)
        for name in request.scopes
    )


PAGES = (
    Page(path="/requests", show=show_all, right="requests:read"),
    Page(path="/requests/new", show=ask, act=create, right="requests:write"),
    Page(path="/requests/{id}", show=show, right="requests:read"),
    Page(path="/requests/{id}/approve", act=approve, right="requests:decide"),
    Page(path="/requests/{id}/refuse", act=refuse, right="requests:decide"),
    Page(path="/requests/{id}/withdraw", act=withdraw, right="requests:write"),
)
