"""The first page: what is going on, and what needs somebody."""

from dataclasses import dataclass

from starlette.responses import Response

from tokenbooth.console.attention import attention
from tokenbooth.console.frame import Page
from tokenbooth.console.usage_pictures import last_day, last_week
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.access_requests import list_requests
from tokenbooth.management.clients.client_search import search_clients
from tokenbooth.management.people.members import list_members
from tokenbooth.management.rights import MANAGEMENT_API
from tokenbooth.management.service.apis import list_apis
from tokenbooth.management.service.health import show_health

_WAITING = 6  # requests are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the first things to do."""

    title: str
    text: str
    path: str
    is_done: bool


async def show(visit: Visit) -> Response:
    """Show numbers, pictures and what to look after; or the first steps, where nothing is yet."""
    booth = visit.booth
    has_clients = bool((await search_clients(booth, limit=1)).clients)
    return visit.render(
        "overview/overview.html",
        steps=() if has_clients else await _first_steps(visit),
        day=await last_day(booth),
        week=await last_week(booth),
        attention=await attention(booth),
        waiting=await list_requests(booth, status="pending", limit=_WAITING)
        if visit.may("requests:decide")
        else (),
        health=await show_health(booth) if booth.actor.account is None else None,
    )


async def _first_steps(visit: Visit) -> tuple[Step, ...]:
    steps = []
    if visit.may("apis:write"):
        steps.append(
            Step(
                title="Make an API",
                text="Say what tokens are for: its address, and the scopes that clients can have.",
                path="/apis/new",
                is_done=any(api.name != MANAGEMENT_API for api in await list_apis(visit.booth)),
            )
        )
    else:
        steps.append(
            Step(
                title="Look at the APIs",
                text="See which there are, and what their scopes allow.",
                path="/apis",
                is_done=False,
            )
        )
    if visit.may("clients:write"):
        steps.append(
            Step(
                title="Make a client",
                text="A machine that calls an API. Its secret is shown once, with code to paste.",
                path="/clients/new",
                is_done=False,
            )
        )
    if visit.may("members:write"):
        steps.append(
            Step(
                title="Invite somebody",
                text="A colleague, or a customer's developer: with a link that works once.",
                path="/members/invite",
                is_done=len(await list_members(visit.booth)) > 1,
            )
        )
    return tuple(steps)


PAGES = (Page(path="/", show=show),)
