"""Make a client: where, for which APIs, and what it proves itself with."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from tokenbooth.console.client_pages import chosen_access, days_of, path_of
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.new_secret import show_secret
from tokenbooth.console.once import claim_once, new_once
from tokenbooth.console.pasted_keys import pasted_again, pasted_keys
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.clients.clients import NewClient, create_client
from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.errors import BadInput, ManagementError
from tokenbooth.management.people.accounts import list_accounts
from tokenbooth.management.service.api_choice import ApiChoice, list_choices
from tokenbooth.management.service.issuers import list_issuers
from tokenbooth.server.records import DEFAULT_ISSUER, ApiAccess, ClientPolicy

KINDS = (
    ("secret", "A secret", "The usual way: a long random text that the program keeps."),
    ("key", "A public key", "The program signs with its private key, which never leaves it."),
    ("none", "Nothing yet", "Give it a secret, a key or a certificate later."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the form holds, before or after somebody typed."""

    issuer: str = DEFAULT_ISSUER
    client_id: str = ""
    name: str = ""
    description: str = ""
    account: str = ""
    kind: str = "secret"
    key: str = ""
    label: str = ""
    valid_days: str = ""
    reason: str = ""
    boxes: frozenset[str] = frozenset()
    wanted: str = ""  # an API that the client is made for: it comes first


async def show(visit: Visit) -> Response:
    """Show the form; an address may choose the environment and an API beforehand."""
    issuer = visit.query.get("issuer") or DEFAULT_ISSUER
    values = Values(
        issuer=issuer, account=visit.query.get("account", ""), wanted=visit.query.get("api", "")
    )
    return await _form(visit, values)


async def act(visit: Visit) -> Response:
    """Make the client; or only show the form again, for another environment."""
    values = _typed(visit)
    if visit.is_fragment or visit.form.text("only") == "picker":
        return await _form(visit, values)
    try:
        await claim_once(visit)
        at_once, to_ask = await _chosen(visit, values)
        made = await _make(visit, values, at_once)
    except ManagementError as error:
        return await _form(visit, values, error)
    notes = [await _ask(visit, values, made, access) for access in to_ask]
    client = made.client
    if made.secret is not None:
        title = f"{client.name or client.client_id} is there"
        return await show_secret(visit, made.secret, title=title, notes=tuple(notes))
    said = " ".join((f"{client.name or client.client_id} is there.", *notes))
    return visit.redirect(path_of(client.issuer, client.client_id), notice=said)


async def _chosen(visit: Visit, values: Values) -> tuple[list[ApiAccess], list[ApiAccess]]:
    """Return what is given at once, and what an operator is asked for."""
    at_once: list[ApiAccess] = []
    to_ask: list[ApiAccess] = []
    choices = {each.name: each for each in await list_choices(visit.booth, values.issuer)}
    for api, scopes in chosen_access(visit.form).items():
        access = ApiAccess(api=api, scopes=scopes)
        is_at_once = api not in choices or choices[api].is_at_once
        (at_once if is_at_once else to_ask).append(access)
    if to_ask and not values.reason:
        raise BadInput(f"Say why the client needs {to_ask[0].api}: an operator reads it.")
    return at_once, to_ask


async def _make(visit: Visit, values: Values, access: list[ApiAccess]) -> NewClient:
    return await create_client(
        visit.booth,
        access=access,
        client_id=values.client_id or None,
        name=values.name,
        issuer=values.issuer,
        account=values.account or None,
        proofs=_proofs(values),
        with_secret=values.kind == "secret",
        policy=ClientPolicy(description=values.description),
        label=values.label,
        expires_in=days_of(visit.form, "valid_days", "The validity"),
    )


def _proofs(values: Values) -> tuple[NewProof, ...]:
    if values.kind not in {kind for kind, _, _ in KINDS}:
        raise BadInput("Choose what the client proves itself with.")
    if values.kind != "key":
        return ()
    return pasted_keys(values.key)


async def _ask(visit: Visit, values: Values, made: NewClient, access: ApiAccess) -> str:
    """Ask an operator for access; returns what to tell."""
    try:
        await request_access(
            visit.booth,
            made.client.client_id,
            issuer=made.client.issuer,
            api=access.api,
            scopes=access.scopes,
            reason=values.reason,
        )
    except ManagementError as error:
        return f"{access.api} could not be asked for: {error}"
    return f"{access.api} was asked for: an operator decides."


def _typed(visit: Visit) -> Values:
    form = visit.form
    return Values(
        issuer=form.text("issuer") or DEFAULT_ISSUER,
        client_id=form.text("client_id"),
        name=form.text("name"),
        description=form.text("description"),
        account=form.text("account"),
        kind=form.text("kind", "secret"),
        key=form.text("key"),
        label=form.text("label"),
        valid_days=form.text("valid_days"),
        reason=form.text("reason"),
        boxes=frozenset(form.all("access")),
        wanted=form.text("wanted"),
    )


async def _form(visit: Visit, values: Values, error: ManagementError | None = None) -> Response:
    choices: tuple[ApiChoice, ...] = ()
    issuers = await list_issuers(visit.booth)
    if values.issuer in {each.name for each in issuers}:
        found = await list_choices(visit.booth, values.issuer)
        choices = tuple(sorted(found, key=lambda each: each.name != values.wanted))
    may_choose_account = visit.booth.actor.account is None
    return visit.render(
        "clients/picker.html" if visit.is_fragment else "clients/new.html",
        status=200 if error is None else status_of(error),
        values=replace(values, key=pasted_again(values.key, error)),
        boxes=values.boxes,
        reason=values.reason,
        choices=choices,
        kinds=KINDS,
        issuers=issuers,
        accounts=await list_accounts(visit.booth) if may_choose_account else (),
        once=new_once(),
        mistake=str(error or ""),
    )


PAGES = (Page(path="/clients/new", show=show, act=act, right="clients:write"),)
