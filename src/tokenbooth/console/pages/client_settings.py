"""Edit a client: what it is called, from where it may call, and what its tokens are like."""

from collections.abc import Mapping
from typing import TypeVar

from starlette.responses import Response

from tokenbooth.console.client_pages import (
    PATH,
    find,
    here,
    lines_of,
    number_of,
    title_of,
)
from tokenbooth.console.form import Form
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.client_changes import ClientChanges, change_client
from tokenbooth.management.clients.clients import ClientView
from tokenbooth.management.errors import BadInput, ManagementError
from tokenbooth.management.people.accounts import list_accounts
from tokenbooth.server.records import TokenFormat

Values = dict[str, str]
T = TypeVar("T")

_TICKED = "yes"
_THREE: dict[str, bool | None] = {"": None, "yes": True, "no": False}
_WORDS = {None: "", True: "yes", False: "no"}
_FORMATS: dict[str, TokenFormat | None] = {"": None, "jwt": "jwt", "opaque": "opaque"}


async def show(visit: Visit) -> Response:
    """Show the form with what the client is like now."""
    client = await find(visit)
    return await _form(visit, client, _values_of(client))


async def act(visit: Visit) -> Response:
    """Change it, unless somebody else did so since the form was shown."""
    client = await find(visit)
    try:
        await change_client(
            visit.booth,
            client.client_id,
            _changes(visit),
            issuer=client.issuer,
            version=visit.form.text("version"),
        )
    except ManagementError as error:
        typed = {name: visit.form.text(name) for name in (*_values_of(client), "version")}
        return await _form(visit, client, typed, error)
    return visit.redirect(here(visit), notice="The client is changed.")


def _changes(visit: Visit) -> ClientChanges:
    form = visit.form
    of_account = ClientChanges(
        name=form.text("name"),
        description=form.text("description"),
        networks=lines_of(form, "networks"),
        networks_observe=form.flag("networks_observe"),
        dpop_bound=form.flag("dpop_bound"),
        token_lifetime=number_of(form, "token_lifetime", "The lifetime"),
    )
    if visit.booth.actor.account is not None:
        return of_account
    return ClientChanges(
        **of_account.said(ClientChanges),
        account=form.optional("account"),
        token_format=_one_of(form, "token_format", _FORMATS),
        refresh_tokens=_one_of(form, "refresh_tokens", _THREE),
        certificate_bound=_one_of(form, "certificate_bound", _THREE),
        quota_per_hour=number_of(form, "quota_per_hour", "The quota"),
        quota_observe=form.flag("quota_observe"),
        resource_server_for=lines_of(form, "resource_server_for"),
    )


def _one_of(form: Form, name: str, values: Mapping[str, T]) -> T:
    try:
        return values[form.text(name)]
    except KeyError as error:
        raise BadInput(f"Choose one of the values for {name.replace('_', ' ')}.") from error


def _values_of(client: ClientView) -> Values:
    policy = client.policy
    return {
        "name": client.name,
        "description": policy.description,
        "networks": "\n".join(policy.networks),
        "networks_observe": _TICKED if policy.networks_observe else "",
        "dpop_bound": _TICKED if policy.dpop_bound else "",
        "token_lifetime": str(client.token_lifetime or ""),
        "account": client.account or "",
        "token_format": client.token_format or "",
        "refresh_tokens": _WORDS[client.refresh_tokens],
        "certificate_bound": _WORDS[policy.certificate_bound],
        "quota_per_hour": str(policy.quota_per_hour or ""),
        "quota_observe": _TICKED if policy.quota_observe else "",
        "resource_server_for": "\n".join(client.resource_server_for),
        "version": client.version,
    }


async def _form(
    visit: Visit, client: ClientView, values: Values, error: ManagementError | None = None
) -> Response:
    is_operator = visit.booth.actor.account is None
    return visit.render(
        "clients/edit.html",
        status=200 if error is None else status_of(error),
        client=client,
        title=title_of(client),
        base=here(visit),
        values=values,
        is_operator=is_operator,
        accounts=await list_accounts(visit.booth) if is_operator else (),
        mistake=str(error or ""),
    )


PAGES = (Page(path=f"{PATH}/edit", show=show, act=act, right="clients:write"),)
