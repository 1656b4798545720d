"""What happens around every page: who is looking, may they, and what if it fails.

A page never checks a session, a form's origin or a right to see it: that is done here, for all.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokenbooth.console.cookies import OwnCookies
from tokenbooth.console.form import Form, FormRefused
from tokenbooth.console.notices import clear_notice, read_notice
from tokenbooth.console.origin import (
    CSRF_FIELD,
    CSRF_HEADER,
    HEADERS,
    csrf_token,
    is_csrf_token,
    is_from_here,
)
from tokenbooth.console.templates import Templates
from tokenbooth.console.visit import SignedIn, Visit
from tokenbooth.management.errors import (
    BadInput,
    Conflict,
    Failed,
    ManagementError,
    Missing,
    NotAllowed,
    SignInRefused,
    TooManyAttempts,
)
from tokenbooth.management.people import sessions
from tokenbooth.management.people.single_sign_on import SingleSignOn
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.exchange import ASGIApp
from tokenbooth.server.stores.contract import StoreError, StoreUnavailable

Handler = Callable[[Visit], Awaitable[Response]]

_NOBODY = frozenset[str]()
_STATUSES: tuple[tuple[type[ManagementError], int], ...] = (
    (Missing, 404),
    (NotAllowed, 403),
    (SignInRefused, 403),
    (TooManyAttempts, 429),
    (Conflict, 409),
    (BadInput, 422),
)
_TITLES = {
    400: "That did not work",
    403: "Not allowed",
    404: "Nothing here",
    409: "That cannot be done now",
    422: "That did not work",
    429: "Not so fast",
    503: "Not now",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One address: what is shown there, and what is done by posting to it."""

    path: str  # below the console's root, as Starlette writes it: /clients/{issuer}/{client_id}
    show: Handler | None = None
    act: Handler | None = None
    right: str | None = None  # whoever lacks it sees neither; None: everybody who is signed in
    is_open: bool = False  # to people who are not signed in too


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Serves pages for one service."""

    booth: Booth
    single_sign_on: SingleSignOn | None
    service: ASGIApp
    templates: Templates
    own_cookies: OwnCookies
    root: str

    async def serve(self, page: Page, request: Request, body: bytes) -> Response:
        """Return the page's answer, or why there is none."""
        state = request.scope["state"]
        visit = self._visit(request, source=state["source"], id_=state["request_id"])
        try:
            visit = await self._recognised(visit)
            if visit.signed_in is not None:
                state["member"] = visit.signed_in.member.id
            response = await self._answer(page, request.method, visit, body)
        except (ManagementError, StoreError, FormRefused) as error:
            response = _refusal(visit, error)
        if "html" in response.headers.get("content-type", ""):
            clear_notice(response, request.cookies, root=self.root)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def nothing_here(self, request: Request) -> Response:
        """Return the answer for an address without a page."""
        page = Page(path="", show=_nothing, act=_nothing, is_open=True)
        return await self.serve(page, request, b"")

    def _visit(self, request: Request, *, source: str, id_: str) -> Visit:
        visitor = sessions.Visitor(
            source=source,
            agent=request.headers.get("user-agent", ""),
            request_id=id_,
            device=self.own_cookies.device.read(request.cookies),
        )
        actor = Actor(kind="visitor", rights=_NOBODY, source=source, request_id=id_)
        return Visit(
            booth=self.booth.acting_as(actor),
            single_sign_on=self.single_sign_on,
            service=self.service,
            templates=self.templates,
            root=self.root,
            path=request.scope["path"].removeprefix(self.root) or "/",
            signed_in=None,
            given=request.path_params,
            query=request.query_params,
            form=Form(),
            headers=request.headers,
            cookies=request.cookies,
            own_cookies=self.own_cookies,
            visitor=visitor,
            csrf="",
            notice=read_notice(request.cookies),
        )

    async def _recognised(self, visit: Visit) -> Visit:
        """Return the visit of whoever is signed in, if anybody is."""
        value = self.own_cookies.session.read(visit.cookies)
        found = value and await sessions.find_session(self.booth, value, visit.visitor)
        if not value or not found:
            return visit
        session, member = found
        return replace(
            visit,
            booth=sessions.acting_as(self.booth, member, visit.visitor),
            signed_in=SignedIn(session=session, member=member, cookie=value),
            csrf=csrf_token(value),
        )

    async def _answer(self, page: Page, method: str, visit: Visit, body: bytes) -> Response:
        handler = (page.act if method == "POST" else page.show) or _nothing
        # No name, text or number holds one, and PostgreSQL takes none.
        if any("\0" in str(part) for part in (*visit.given.values(), *visit.query.values())):
            raise BadInput("The address cannot be read.")
        if not page.is_open and visit.signed_in is None:
            return _to_sign_in(visit, method)
        if page.right is not None and not visit.may(page.right):
            raise NotAllowed(f"Your role lacks the right {page.right}. Ask an operator.")
        if method == "POST":
            visit = _with_form(visit, body, is_open=page.is_open)
        return await handler(visit)


async def _nothing(_: Visit) -> Response:
    raise Missing("There is no page at this address.")


def _with_form(visit: Visit, body: bytes, *, is_open: bool) -> Visit:
    """Read the form; refuses one that no page of ours sent."""
    if not is_from_here(visit.headers):
        raise NotAllowed("The form was sent from another site.")
    form = Form.read(body)
    # What is open to everybody asks for a proof of its own: whoever is signed in adds nothing.
    if visit.signed_in is not None and not is_open:
        token = visit.headers.get(CSRF_HEADER) or form.text(CSRF_FIELD)
        if not is_csrf_token(visit.signed_in.cookie, token):
            raise NotAllowed("The form is of another session: go back, load the page again.")
    return replace(visit, form=form)


def _to_sign_in(visit: Visit, method: str) -> Response:
    back = visit.path if method == "GET" else "/"
    if visit.query and method == "GET":
        back += f"?{visit.query}"
    address = visit.url("/sign-in", next=None if back == "/" else back)
    if visit.is_fragment:
        # A redirect would put the whole page into a piece of another.
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _refusal(visit: Visit, error: Exception) -> Response:
    status = status_of(error)
    template = "refusal_fragment.html" if visit.is_fragment else "refusal.html"
    response = visit.render(
        template, status=status, title=_TITLES[status], text=_text_of(error, status)
    )
    if status == 503:
        response.headers["Retry-After"] = "2"
    return told_to_wait(response, error)


def told_to_wait(response: Response, error: Exception) -> Response:
    """Return the answer to whoever failed, with the time to wait after too many attempts."""
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def status_of(error: Exception | None) -> int:
    """Return the status of an answer that tells of the mistake; 200 where there is none."""
    if error is None:
        return 200
    if isinstance(error, FormRefused):
        return 400
    if isinstance(error, StoreUnavailable):
        return 503
    if isinstance(error, StoreError):
        return 409
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 503)


def _text_of(error: Exception, status: int) -> str:
    if status == 503 and not isinstance(error, Failed):
        return "The service cannot reach its database. Try again in a moment."
    return str(error)
