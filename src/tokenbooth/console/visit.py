"""One request of one person, as the pages see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tokenbooth.console.cookies import OwnCookies
from tokenbooth.console.form import Form
from tokenbooth.console.notices import leave_notice
from tokenbooth.console.templates import Templates
from tokenbooth.management.errors import NotAllowed
from tokenbooth.management.people.sessions import Visitor
from tokenbooth.management.people.single_sign_on import SingleSignOn
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.exchange import ASGIApp
from tokenbooth.server.people_records import Member, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who is looking, and by which session."""

    member: Member
    session: Session
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a page works with. `booth` acts as whoever is signed in, with that person's rights."""

    booth: Booth
    single_sign_on: SingleSignOn | None  # where the service has a provider
    service: ASGIApp  # the whole application, to be asked over HTTP without leaving the process
    templates: Templates
    root: str  # the path of the console, without a slash at its end
    path: str  # below `root`
    signed_in: SignedIn | None
    given: Mapping[str, str]  # what the path holds, by name
    query: QueryParams
    form: Form
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    own_cookies: OwnCookies
    visitor: Visitor  # the browser, whoever sits there
    csrf: str
    notice: str  # what the page before left to say

    @property
    def who(self) -> SignedIn:
        """Whoever is signed in; only pages that are open to everybody may find nobody."""
        if self.signed_in is None:
            raise NotAllowed("Sign in first.")
        return self.signed_in

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks, for a piece of a page."""
        is_whole = self.headers.get("hx-history-restore-request") == "true"
        return self.headers.get("hx-request") == "true" and not is_whole

    def may(self, right: str) -> bool:
        """Whether whoever is looking has the right: to show a button, never to allow an action."""
        return self.booth.actor.may(right)

    def url(self, path: str, **query: str | None) -> str:
        """Return the address of a page; `path` begins with a slash, its parts are quoted here."""
        asked = "&".join(f"{name}={quote(text, safe='')}" for name, text in query.items() if text)
        return self.root + quote(path) + (f"?{asked}" if asked else "")

    def render(self, template: str, *, status: int = 200, **context: Any) -> Response:  # noqa: ANN401 - whatever the template shows
        """Return the page."""
        text = self.templates.render(template, visit=self, **context)
        return HTMLResponse(text, status)

    def redirect(self, path: str, *, notice: str = "", **query: str | None) -> Response:
        """Go on to another page, which says `notice` once."""
        response = RedirectResponse(self.url(path, **query), 303)
        leave_notice(response, notice, root=self.root)
        return response

    def download(self, text: str, name: str, media_type: str) -> Response:
        """Return a file to be saved under `name`."""
        shown = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)
        headers = {"Content-Disposition": f'attachment; filename="{shown}"'}
        return Response(text, media_type=media_type, headers=headers)
