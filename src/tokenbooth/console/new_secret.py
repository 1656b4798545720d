"""The page that shows a secret, once: in the answer to the form that had it made."""

from starlette.responses import Response

from tokenbooth.console.client_pages import path_of
from tokenbooth.console.snippet_tabs import DOWNLOADED, tabs_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.clients import show_client
from tokenbooth.management.clients.credentials import NewSecret
from tokenbooth.management.instructions import instructions_for


async def show_secret(
    visit: Visit, secret: NewSecret, *, title: str, notes: tuple[str, ...] = ()
) -> Response:
    """Show it with everything that makes use of it, and never again."""
    client = await show_client(visit.booth, secret.client_id, issuer=secret.issuer)
    told = None
    if client.access:
        told = await instructions_for(
            visit.booth, client.client_id, issuer=client.issuer, secret=secret.client_secret
        )
    return visit.render(
        "clients/secret.html",
        title=title,
        client=client,
        base=path_of(client.issuer, client.client_id),
        made=secret,
        secret=secret.client_secret.reveal(),
        notes=notes,
        told=told,
        tabs=() if told is None else tabs_of(told),
        downloaded=DOWNLOADED,
    )
