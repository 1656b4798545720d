"""Letting people in: the cookies of a new session, and the way on to where they wanted to go."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from tokenbooth.console.notices import leave_notice
from tokenbooth.console.visit import Visit
from tokenbooth.management.people import sessions
from tokenbooth.management.people.sessions import SignedIn

_LONGEST = 1000


def own_address(visit: Visit, unverified_next: str) -> str:
    """Return the address of the console's page that `next` names, or of the overview.

    Whatever it is, it leads nowhere else: nobody can send people on to another site through ours.
    """
    try:
        parts = urlsplit(unverified_next[:_LONGEST])
        asked = parse_qsl(parts.query, errors="strict")
    except ValueError:
        return visit.url("/")
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or "\\" in parts.path:
        return visit.url("/")
    path = visit.root + quote(parts.path, safe="/%")
    return path + (f"?{urlencode(asked)}" if asked else "")


async def enter(
    visit: Visit, opened: SignedIn, *, unverified_next: str = "", notice: str = ""
) -> Response:
    """Sign the browser in, and out of the session that it had; then go on."""
    if visit.signed_in is not None:
        await sessions.sign_out(visit.booth, visit.signed_in.session)
    response = go_on(visit, unverified_next, notice=notice)
    keep_session(visit, response, opened)
    return response


def go_on(visit: Visit, unverified_next: str, *, notice: str = "") -> Response:
    """Lead to the console's page that `next` names."""
    response = RedirectResponse(own_address(visit, unverified_next), 303)
    leave_notice(response, notice, root=visit.root)
    return response


def keep_session(visit: Visit, response: Response, opened: SignedIn) -> None:
    """Have the browser keep a new session, and that its member signed in here."""
    visit.own_cookies.session.set(response, opened.cookie.reveal())
    visit.own_cookies.device.set(response, opened.device.reveal())
