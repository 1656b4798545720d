"""APIs: what there is to call, who may, and how an API checks the tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.guard_snippets import guard_snippets
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import Conflict, ManagementError
from tokenbooth.management.service import apis
from tokenbooth.management.service.api_changes import (
    UserOfApi,
    change_api,
    count_users,
    lost_scopes,
    read_scopes,
    users_of_api,
)
from tokenbooth.management.service.apis import is_management
from tokenbooth.management.service.issuers import list_issuers, show_issuer
from tokenbooth.management.versions import version_of
from tokenbooth.server.records import DEFAULT_ISSUER, Api
from tokenbooth.server.stores.contract import StillInUse

_MOST_USERS = 200  # of them are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the form of an API holds."""

    issuer: str = DEFAULT_ISSUER
    name: str = ""
    audience: str = ""
    scopes: str = ""
    self_service: bool = False
    version: str = ""
    losers: tuple[UserOfApi, ...] = ()  # clients that would lose a scope


async def show_all(visit: Visit) -> Response:
    """List what there is."""
    return visit.render(
        "apis/list.html",
        apis=await apis.list_apis(visit.booth),
        users=await count_users(visit.booth),
    )


async def ask_for_new(visit: Visit) -> Response:
    """Ask what the new one is."""
    issuer = visit.query.get("issuer", DEFAULT_ISSUER)
    return await _new(visit, Values(issuer=issuer), None)


async def create(visit: Visit) -> Response:
    """Make one."""
    typed = _typed(visit)
    try:
        scopes = read_scopes(typed.scopes)
        made = await apis.create_api(
            visit.booth,
            name=typed.name,
            audience=typed.audience,
            scopes=" ".join(scope.name for scope in scopes),
            issuer=typed.issuer,
            self_service=typed.self_service,
            descriptions={scope.name: scope.description for scope in scopes},
        )
    except ManagementError as error:
        return await _new(visit, typed, error)
    notice = f"The API {made.name} is there. Below is how it checks tokens."
    return visit.redirect(f"/apis/{made.issuer}/{made.name}", notice=notice)


async def show(visit: Visit) -> Response:
    """Show one: its scopes, who has access, and code that protects it."""
    return await _show(visit, None)


async def ask_for_changes(visit: Visit) -> Response:
    """Show the form with what it is like now."""
    api = await _find(visit)
    values = Values(
        issuer=api.issuer,
        name=api.name,
        audience=api.audience,
        scopes="\n".join(f"{scope.name} {scope.description}".strip() for scope in api.scopes),
        self_service=api.self_service,
        version=version_of(api),
    )
    return _edit(visit, values, None)


async def change(visit: Visit) -> Response:
    """Make the changes; asks again before a client loses something."""
    api = await _find(visit)
    typed = replace(_typed(visit), issuer=api.issuer, name=api.name)
    try:
        scopes = read_scopes(typed.scopes)
        losers = await _losers(visit, api, lost_scopes(api, scopes))
        if losers and not visit.form.flag("sure"):
            typed = replace(typed, losers=losers)
            raise Conflict("Clients would lose scopes: look at the list, and tick the box.")
        await change_api(
            visit.booth,
            api.name,
            issuer=api.issuer,
            audience=typed.audience,
            scopes=scopes,
            self_service=typed.self_service,
            version=typed.version,
        )
    except ManagementError as error:
        return _edit(visit, typed, error)
    notice = "Saved. New tokens follow it from now on."
    return visit.redirect(f"/apis/{api.issuer}/{api.name}", notice=notice)


async def delete(visit: Visit) -> Response:
    """Delete it, unless a client has access."""
    issuer, name = visit.given["issuer"], visit.given["name"]
    if is_management(await _find(visit)):
        raise Conflict("The service looks after its own API by itself.")
    try:
        await apis.delete_api(visit.booth, name, issuer=issuer)
    except StillInUse:
        return await _show(
            visit, Conflict("Clients still have access: take it from each of them first.")
        )
    return visit.redirect("/apis", notice=f"The API {name} is deleted.")


async def _show(visit: Visit, mistake: ManagementError | None) -> Response:
    api = await _find(visit)
    issuer = await show_issuer(visit.booth, api.issuer)
    users = await users_of_api(visit.booth, api.name, issuer=api.issuer, limit=_MOST_USERS)
    return visit.render(
        "apis/show.html",
        status=status_of(mistake),
        mistake=mistake,
        api=api,
        issuer=issuer,
        users=users.users,
        is_own=is_management(api),
        is_more=not users.is_whole,
        snippets=guard_snippets(api, issuer),
    )


async def _find(visit: Visit) -> Api:
    return await apis.find_api(visit.booth, visit.given["name"], issuer=visit.given["issuer"])


async def _losers(visit: Visit, api: Api, lost: Sequence[str]) -> tuple[UserOfApi, ...]:
    if not lost:
        return ()
    users = await users_of_api(visit.booth, api.name, issuer=api.issuer)
    return tuple(
        replace(user, scopes=tuple(scope for scope in user.scopes if scope in lost))
        for user in users.users
        if not set(lost).isdisjoint(user.scopes)
    )


async def _new(visit: Visit, values: Values, mistake: ManagementError | None) -> Response:
    names = [issuer.name for issuer in await list_issuers(visit.booth)]
    return visit.render(
        "apis/new.html",
        status=status_of(mistake),
        values=values,
        mistake=mistake,
        issuers=tuple((name, name) for name in names),
    )


def _edit(visit: Visit, values: Values, mistake: ManagementError | None) -> Response:
    return visit.render("apis/edit.html", status=status_of(mistake), values=values, mistake=mistake)


def _typed(visit: Visit) -> Values:
    text = visit.form.text
    return Values(
        issuer=text("issuer"),
        name=text("name"),
        audience=text("audience"),
        scopes=text("scopes"),
        self_service=visit.form.flag("self_service"),
        version=text("version"),
    )


PAGES = (
    Page(path="/apis", show=show_all, right="apis:read"),
    Page(path="/apis/new", show=ask_for_new, act=create, right="apis:write"),
    Page(path="/apis/{issuer}/{name}", show=show, right="apis:read"),
    Page(path="/apis/{issuer}/{name}/edit", show=ask_for_changes, act=change, right="apis:write"),
    Page(path="/apis/{issuer}/{name}/delete", act=delete, right="apis:write"),
)
