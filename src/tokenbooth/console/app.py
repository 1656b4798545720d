"""The console's application: all its pages under their addresses."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenbooth.console.all_pages import ALL_PAGES
from tokenbooth.console.cookies import OwnCookies
from tokenbooth.console.frame import Frame, Page
from tokenbooth.console.templates import Templates
from tokenbooth.management.addresses import service_url
from tokenbooth.management.people.single_sign_on import SingleSignOn
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.exchange import ASGIApp


def build(booth: Booth, service: ASGIApp, *, root: str) -> Starlette:
    """Return the application; `root` is the console's path, without a slash at its end."""
    frame = Frame(
        booth=booth,
        single_sign_on=SingleSignOn.of(booth),
        service=service,
        templates=Templates(booth.clock),
        own_cookies=OwnCookies.of_service(is_secure=service_url(booth).startswith("https:")),
        root=root,
    )

    async def nothing_here(request: Request, _: Exception) -> Response:
        return await frame.nothing_here(request)

    app = Starlette(
        routes=[_route(frame, page) for page in ALL_PAGES],
        exception_handlers={404: nothing_here, 405: nothing_here},
    )
    app.router.redirect_slashes = False
    return app


def _route(frame: Frame, page: Page) -> Route:
    async def serve(request: Request) -> Response:
        return await frame.serve(page, request, await request.body())

    methods = [method for method, does in (("GET", page.show), ("POST", page.act)) if does]
    return Route(page.path, serve, methods=methods, name=page.path)
