"""How a client gets a token and calls an API: ready code and files for exactly this client."""

from typing import Any

from starlette.responses import Response

from tokenbooth.console.client_pages import PATH, find, here, title_of
from tokenbooth.console.frame import Page
from tokenbooth.console.snippet_tabs import DOWNLOADED, tabs_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput
from tokenbooth.management.instructions import Instructions, instructions_for
from tokenbooth.management.instructions.snippet import MEDIA_TYPES
from tokenbooth.protocol.secret import Secret

_LONGEST_SECRET = 4096


async def show(visit: Visit) -> Response:
    """Show everything in tabs; where the client has no API yet, say what to do first."""
    client = await find(visit)
    context: dict[str, Any] = {"client": client, "title": title_of(client), "base": here(visit)}
    if not client.access:
        return visit.render("clients/no_instructions.html", **context)
    told = await _instructions(visit, visit.query.get("api") or None, None)
    return visit.render(
        "clients/instructions.html",
        told=told,
        tabs=tabs_of(told),
        downloaded=DOWNLOADED,
        secret=None,
        **context,
    )


async def download(visit: Visit) -> Response:
    """Save one format as a file; nothing in it is secret."""
    return _file(visit, await _instructions(visit, visit.query.get("api") or None, None))


async def download_with_secret(visit: Visit) -> Response:
    """Save one format as a file, with the secret that its form carries: it was just made."""
    text = visit.form.text("secret")
    if not text.isprintable() or len(text) > _LONGEST_SECRET:
        raise BadInput("This is no secret.")
    secret = Secret(text) if text else None
    return _file(visit, await _instructions(visit, visit.form.optional("api"), secret))


async def _instructions(visit: Visit, api: str | None, secret: Secret | None) -> Instructions:
    return await instructions_for(
        visit.booth,
        visit.given["client_id"],
        issuer=visit.given["issuer"],
        api=api,
        secret=secret,
    )


def _file(visit: Visit, told: Instructions) -> Response:
    snippet = told.snippet(visit.given["format"])
    media_type = MEDIA_TYPES.get(snippet.language, "text/plain")
    # Browsers take the dot from a name that begins with one.
    name = snippet.filename
    named = f"{told.client_id}{name}" if name.startswith(".") else name
    return visit.download(snippet.text, named, media_type)


PAGES = (
    Page(path=f"{PATH}/instructions", show=show, right="clients:read"),
    Page(
        path=f"{PATH}/instructions/{{format}}",
        show=download,
        act=download_with_secret,
        right="clients:read",
    ),
)
