"""One client: what it is, what it may call, what it proves itself with, and how it is used."""

from starlette.responses import Response

from tokenbooth.console.client_activity import activity_of
from tokenbooth.console.client_pages import PATH, find, here, title_of
from tokenbooth.console.credential_state import marks_of
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.addresses import issuer_url, token_endpoint
from tokenbooth.management.clients.access_requests import RequestView, list_requests
from tokenbooth.management.clients.clients import (
    ClientView,
    delete_client,
    revoke_tokens,
    set_enabled,
)
from tokenbooth.management.clients.credentials import list_hosts
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.clients.rotation import RotationStatus, rotation_status
from tokenbooth.management.errors import ManagementError, Missing
from tokenbooth.management.service.api_choice import list_choices
from tokenbooth.management.service.issuers import find_issuer


async def show(visit: Visit) -> Response:
    """Show everything about it."""
    booth, client = visit.booth, await find(visit)
    issuer = await find_issuer(booth, client.issuer)
    registered = await find_client(booth, client.client_id, issuer=client.issuer)
    apis = {each.name: each for each in await list_choices(booth, client.issuer)}
    return visit.render(
        "clients/show.html",
        client=client,
        title=title_of(client),
        base=here(visit),
        issuer_url=issuer_url(booth, issuer),
        token_endpoint=token_endpoint(booth, issuer),
        token_format=client.token_format or issuer.token_format,
        token_lifetime=client.token_lifetime or issuer.token_lifetime,
        apis=apis,
        descriptions={
            (api.name, scope.name): scope.description
            for api in apis.values()
            for scope in api.scopes
        },
        hosts=await list_hosts(booth, registered),
        marks={each.id: marks_of(each, booth.clock) for each in client.credentials},
        rotation=await _rotation(visit, client),
        may_change=visit.may("clients:write"),
        may_give=visit.may("credentials:write"),
        pending=await _pending(visit, client),
        activity=await activity_of(visit, client),
    )


async def _rotation(visit: Visit, client: ClientView) -> RotationStatus | None:
    try:
        return await rotation_status(visit.booth, client.client_id, issuer=client.issuer)
    except Missing:  # none is under way
        return None


async def _pending(visit: Visit, client: ClientView) -> tuple[RequestView, ...]:
    """Return what was asked for and is not decided yet."""
    if client.account is None:
        return ()
    found = await list_requests(visit.booth, account=client.account, status="pending")
    own = (client.issuer, client.client_id)
    return tuple(each for each in found if (each.issuer, each.client_id) == own)


async def disable(visit: Visit) -> Response:
    """Refuse it from now on, and end its tokens."""
    return await _switch(visit, enabled=False, said="It is disabled, and its tokens have ended.")


async def enable(visit: Visit) -> Response:
    """Let it authenticate again."""
    return await _switch(visit, enabled=True, said="It is enabled and can fetch new tokens.")


async def _switch(visit: Visit, *, enabled: bool, said: str) -> Response:
    await set_enabled(
        visit.booth, visit.given["client_id"], enabled=enabled, issuer=visit.given["issuer"]
    )
    return visit.redirect(here(visit), notice=said)


async def revoke(visit: Visit) -> Response:
    """End all its tokens; it may fetch new ones."""
    await revoke_tokens(visit.booth, visit.given["client_id"], issuer=visit.given["issuer"])
    return visit.redirect(here(visit), notice="All its tokens have ended. It can fetch new ones.")


async def ask_to_delete(visit: Visit) -> Response:
    """Ask for its id, typed, so that nobody deletes the wrong one."""
    return await _delete_page(visit)


async def delete(visit: Visit) -> Response:
    """Delete it for good; only one that is disabled."""
    client = await find(visit)
    if visit.form.text("typed") != client.client_id:
        return await _delete_page(visit, mistake="That is not its id. Nothing was deleted.")
    try:
        await delete_client(visit.booth, client.client_id, issuer=client.issuer)
    except ManagementError as error:
        return await _delete_page(visit, mistake=str(error), status=status_of(error))
    return visit.redirect("/clients", notice=f"{title_of(client)} is deleted.")


async def _delete_page(visit: Visit, *, mistake: str = "", status: int = 422) -> Response:
    client = await find(visit)
    return visit.render(
        "clients/delete.html",
        status=status if mistake else 200,
        client=client,
        title=title_of(client),
        base=here(visit),
        mistake=mistake,
    )


PAGES = (
    Page(path=PATH, show=show, right="clients:read"),
    Page(path=f"{PATH}/disable", act=disable, right="clients:write"),
    Page(path=f"{PATH}/enable", act=enable, right="clients:write"),
    Page(path=f"{PATH}/revoke", act=revoke, right="clients:write"),
    Page(path=f"{PATH}/delete", show=ask_to_delete, act=delete, right="clients:write"),
)
