"""The list of clients: searched, filtered, page by page."""

from typing import Any

from starlette.responses import Response

from tokenbooth.console.credential_state import marks_of_all
from tokenbooth.console.frame import Page
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.client_search import search_clients
from tokenbooth.management.clients.clients import ClientView
from tokenbooth.management.people.accounts import list_accounts
from tokenbooth.management.service.issuers import list_issuers

_STATUSES = {"enabled": True, "disabled": False}


async def show(visit: Visit) -> Response:
    """List clients; htmx gets the table alone."""
    query, booth = visit.query, visit.booth
    text, status = query.get("q", "").strip(), query.get("status", "")
    issuer, account = query.get("issuer", ""), query.get("account", "")
    found = await search_clients(
        booth,
        text=text,
        issuer=issuer or None,
        account=account or None,
        enabled=_STATUSES.get(status),
        after=_read_place(query.get("after", "")),
    )
    asked = {"q": text, "issuer": issuer, "account": account, "status": status}
    context: dict[str, Any] = {
        "found": found.clients,
        "marks": {
            _key(each): marks_of_all(each.credentials, booth.clock) for each in found.clients
        },
        "last_used": {_key(each): _last_use(each) for each in found.clients},
        "next_after": None if found.next is None else " ".join(found.next),
        "is_first": not query.get("after"),
        "asked": asked,
        "is_filtered": any(asked.values()),
        "sees_accounts": booth.actor.account is None,
    }
    if visit.is_fragment:
        return visit.render("clients/found.html", **context)
    return visit.render(
        "clients/list.html",
        issuers=await list_issuers(booth),
        accounts=await list_accounts(booth) if booth.actor.account is None else (),
        **context,
    )


def _key(client: ClientView) -> tuple[str, str]:
    return client.issuer, client.client_id


def _last_use(client: ClientView) -> object:
    uses = [each.last_used_at for each in client.credentials if each.last_used_at is not None]
    return max(uses, default=None)


def _read_place(text: str) -> tuple[str, str] | None:
    issuer, _, client_id = text.partition(" ")
    return (issuer, client_id) if client_id and text.isprintable() else None


PAGES = (Page(path="/clients", show=show, right="clients:read"),)
