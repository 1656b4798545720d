"""Signing in and out."""

from starlette.responses import Response

from tokenbooth.console.frame import Page
from tokenbooth.console.visit import Visit


async def show(visit: Visit) -> Response:
    """Ask for email and password."""
    return visit.render("sign_in.html")


PAGES = (Page(path="/sign-in", show=show, is_open=True),)
