"""The console as a mounted application: bounds and static files first, pages when first needed."""

from urllib.parse import urlsplit

from tokenbooth.console.static_files import HEADERS as STATIC_HEADERS
from tokenbooth.console.static_files import static_file
from tokenbooth.management.addresses import service_url
from tokenbooth.protocol.errors import InvalidRequest, RequestTooLarge
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.deadlines import Deadlines
from tokenbooth.server.exchange import ASGIApp, ClientGone, Exchange, Receive, Scope, Send
from tokenbooth.server.logs import get_logger
from tokenbooth.server.mounted import LateApp, finishing, replayed

PATH = "/console"
_FORM = "application/x-www-form-urlencoded"
_TEXT = b"text/plain; charset=utf-8"


def console_mounts(booth: Booth, service: ASGIApp) -> dict[str, ASGIApp]:
    """Return the console under its path, and under that of a service with a path."""
    base_path = urlsplit(service_url(booth)).path.rstrip("/")
    roots = dict.fromkeys((PATH, base_path + PATH))
    return {root: Console(booth, service, root=root) for root in roots}


class Console:
    """The application at /console; `service` is the whole one, for pages that try a client out."""

    def __init__(self, booth: Booth, service: ASGIApp, *, root: str = PATH) -> None:
        self._booth = booth
        self._service = service
        self._root = root
        self._proxies = parse_networks(booth.settings.trusted_proxy)
        self._deadlines = Deadlines()
        self._log = get_logger().bind()
        self._app = LateApp(self._build)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        exchange = Exchange(scope, receive, send, deadlines=self._deadlines)
        below = exchange.path.removeprefix(self._root)
        if below.startswith("/static/"):
            await _send_static(exchange, below.removeprefix("/static/").partition("/")[2])
            return
        if below == "":
            await exchange.answer(303, b"", _TEXT, ((b"location", f"{self._root}/".encode()),))
            return
        try:
            body = await self._body(exchange)
        except ClientGone:
            return
        except (RequestTooLarge, InvalidRequest) as error:
            status = 413 if isinstance(error, RequestTooLarge) else 400
            await exchange.answer(status, error.description.encode(), _TEXT)
            return
        state = {"source": exchange.source(self._proxies), "request_id": exchange.request_id}
        inner: Scope = {**scope, "root_path": self._root, "state": state}
        try:
            app = await self._app.get()
            await app(inner, replayed(body, receive), finishing(exchange, send))
        except Exception:  # noqa: BLE001 - a fault of ours is logged whole and shown to nobody
            self._log.exception("internal_error", request_id=exchange.request_id)
            if not exchange.status:
                text = f"The service failed. Its log says why, under {exchange.request_id}."
                await exchange.answer(500, text.encode(), _TEXT)
        self._tell(exchange, inner)

    async def _body(self, exchange: Exchange) -> bytes:
        settings = self._booth.settings
        body = await exchange.body(
            max_bytes=settings.max_body_bytes, seconds=settings.body_timeout_seconds
        )
        if exchange.method == "POST":
            media_type = (exchange.header(b"content-type") or "").partition(";")[0].strip().lower()
            if body and media_type != _FORM:
                raise InvalidRequest(f"Forms are sent as {_FORM}.", reason="media_type")
        return body

    def _build(self) -> ASGIApp:
        from tokenbooth.console.app import build

        return build(self._booth, self._service, root=self._root)

    def _tell(self, exchange: Exchange, inner: Scope) -> None:
        self._log.info(
            "visited" if exchange.status < 400 else "visit_refused",
            method=exchange.method if exchange.method in ("GET", "POST") else "other",
            route=getattr(inner.get("route"), "path", None),
            status=exchange.status,
            member=inner["state"].get("member"),
            source=inner["state"]["source"],
            request_id=exchange.request_id,
        )


async def _send_static(exchange: Exchange, name: str) -> None:
    found = static_file(name) if exchange.method in ("GET", "HEAD") else None
    if found is None:
        await exchange.answer(404, b"There is no such file.", _TEXT)
        return
    await exchange.answer(200, *found, STATIC_HEADERS)
