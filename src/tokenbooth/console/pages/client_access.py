"""What a client may call: give, take away, or ask an operator for it."""

from starlette.responses import Response

from tokenbooth.console.client_pages import (
    PATH,
    boxes_of,
    chosen_access,
    find,
    here,
    title_of,
)
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients import access
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.clients.clients import ClientView
from tokenbooth.management.errors import BadInput, ManagementError
from tokenbooth.management.service.api_choice import ApiChoice, list_choices


async def show(visit: Visit) -> Response:
    """Show what there is, with what the client has ticked."""
    client = await find(visit)
    boxes = boxes_of((each.api, each.scopes) for each in client.access)
    wanted = visit.query.get("api", "")
    return await _form(visit, client, boxes, wanted=wanted)


async def act(visit: Visit) -> Response:
    """Give what is ticked and can be given, take what is not, and ask for the rest."""
    client = await find(visit)
    choices = {each.name: each for each in await list_choices(visit.booth, client.issuer)}
    try:
        said = await _apply(visit, client, choices)
    except ManagementError as error:
        boxes = frozenset(visit.form.all("access"))
        return await _form(visit, await find(visit), boxes, error=error)
    return visit.redirect(here(visit), notice=" ".join(said) or "Nothing was changed.")


async def _apply(
    visit: Visit, client: ClientView, choices: dict[str, ApiChoice]
) -> tuple[str, ...]:
    chosen = chosen_access(visit.form)
    had = {each.api: each.scopes for each in client.access}
    given: list[tuple[str, tuple[str, ...]]] = []
    asked: list[tuple[str, tuple[str, ...]]] = []
    for api, scopes in chosen.items():
        if api in had and set(had[api]) == set(scopes):
            continue
        is_less = api in had and set(scopes) <= set(had[api])
        is_at_once = is_less or api not in choices or choices[api].is_at_once
        (given if is_at_once else asked).append((api, scopes))
    taken = [api for api in had if api not in chosen]
    reason = visit.form.text("reason")
    if asked and not reason:
        raise BadInput(f"Say why the client needs {asked[0][0]}: an operator reads it.")
    said = []
    # The version is of the client as it was shown: what is done here changes it.
    version: str | None = visit.form.text("version") or None
    where = {"issuer": client.issuer}
    for api in taken:
        await access.withdraw(visit.booth, client.client_id, api=api, version=version, **where)
        version = None
        said.append(f"{api} was taken away.")
    for api, scopes in given:
        await access.grant(
            visit.booth, client.client_id, api=api, scope=" ".join(scopes), version=version, **where
        )
        version = None
        said.append(f"{api} was given.")
    for api, scopes in asked:
        await request_access(
            visit.booth, client.client_id, api=api, scopes=scopes, reason=reason, **where
        )
        said.append(f"{api} was asked for: an operator decides.")
    return tuple(said)


async def _form(
    visit: Visit,
    client: ClientView,
    boxes: frozenset[str],
    *,
    wanted: str = "",
    error: ManagementError | None = None,
) -> Response:
    choices = await list_choices(visit.booth, client.issuer)
    if wanted:
        choices = tuple(sorted(choices, key=lambda each: each.name != wanted))
    return visit.render(
        "clients/access.html",
        status=200 if error is None else status_of(error),
        client=client,
        title=title_of(client),
        base=here(visit),
        choices=choices,
        boxes=boxes,
        reason=visit.form.text("reason"),
        version=visit.form.text("version") or client.version,
        mistake=str(error or ""),
    )


PAGES = (Page(path=f"{PATH}/access", show=show, act=act, right="clients:write"),)
