"""The first page: what is going on."""

from starlette.responses import Response

from tokenbooth.console.frame import Page
from tokenbooth.console.visit import Visit


async def show(visit: Visit) -> Response:
    """Show what needs attention, and pictures of what was issued and refused."""
    return visit.render("overview.html")


PAGES = (Page(path="/", show=show),)
