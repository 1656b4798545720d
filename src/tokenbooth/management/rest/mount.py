"""The management API as a mounted application: bounds first, FastAPI when it is first needed."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tokenbooth.guard import Guard
from tokenbooth.management.addresses import service_url
from tokenbooth.management.rest.answers import Answer, answer_of
from tokenbooth.management.rest.problems import MEDIA_TYPE, problem
from tokenbooth.management.rest.rights import PATH, audience_at
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.errors import InvalidRequest, RequestTooLarge
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.deadlines import Deadlines
from tokenbooth.server.exchange import ASGIApp, ClientGone, Exchange, Receive, Scope, Send
from tokenbooth.server.in_process import InProcessFetch
from tokenbooth.server.logs import get_logger
from tokenbooth.server.mounted import LateApp, finishing, replayed
from tokenbooth.server.stores.contract import StoreError

_WRITING = ("POST", "PUT", "PATCH")
_MEDIA_TYPES = {"PATCH": ("application/json", "application/merge-patch+json")}
_KEY_SET_SECONDS = 1.0
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def management_mounts(booth: Booth, service: ASGIApp) -> dict[str, ASGIApp]:
    """Return the management API under its path, and under that of a service with a path."""
    base_path = urlsplit(service_url(booth)).path.rstrip("/")
    prefixes = dict.fromkeys((PATH, base_path + PATH))
    return {prefix: ManagementApi(booth, service, prefix=prefix) for prefix in prefixes}


class ManagementApi:
    """The application at /api/v1; its guard asks `service` without leaving the process."""

    def __init__(self, booth: Booth, service: ASGIApp, *, prefix: str = PATH) -> None:
        self._booth = booth
        self._prefix = prefix
        self._base_url = service_url(booth)
        self._fetch = InProcessFetch(service, asyncio.get_running_loop())
        self._deadlines = Deadlines()
        self._proxies = parse_networks(booth.settings.trusted_proxy)
        self._log = get_logger().bind()
        self._app = LateApp(self._build)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        exchange = Exchange(scope, receive, send, deadlines=self._deadlines)
        try:
            body = await self._body(exchange)
        except ClientGone:
            return
        except _Refused as refused:
            await _answer(exchange, refused.members)
            return
        state: dict[str, Any] = {
            "source": exchange.source(self._proxies),
            "request_id": exchange.request_id,
        }
        inner: Scope = {**scope, "root_path": self._prefix, "state": state}
        try:
            answer = await self._asked(exchange, inner, replayed(body, receive))
            await answer.send(finishing(exchange, send, _HEADERS))
        except Exception:  # noqa: BLE001 - a fault of ours is logged whole and shown to nobody
            self._log.exception("internal_error", request_id=exchange.request_id)
            if not exchange.status:
                await _answer(exchange, problem(500, "server_error"))
        self._tell(exchange, inner)

    async def _asked(self, exchange: Exchange, inner: Scope, receive: Receive) -> Answer:
        """Return the answer, tagged, kept where it was asked for, and 304 if it is known."""
        from tokenbooth.management.rest.conditions import unless_known, with_content

        app = await self._app.get()
        try:
            answer = await answer_of(app, inner, receive)
        except BaseException:
            await self._keep(inner, None)
            raise
        if answer.header(b"idempotency-replayed") is not None:
            return answer
        answer = with_content(answer)
        await self._keep(inner, answer)
        known = exchange.header(b"if-none-match") if exchange.method == "GET" else None
        return unless_known(answer, known)

    async def _keep(self, inner: Scope, answer: Answer | None) -> None:
        taken = inner["state"].get("taken")
        if taken is None:
            return
        from tokenbooth.management.rest.idempotency import keep

        try:
            if answer is None:
                await self._booth.store.drop_answer(taken.key)
            else:
                await keep(self._booth, taken, answer)
        except StoreError as error:
            # What was done stays done; who repeats it is told that it was interrupted.
            self._log.warning("answer_not_kept", reason=type(error).__name__)

    async def _body(self, exchange: Exchange) -> bytes:
        settings = self._booth.settings
        try:
            body = await exchange.body(
                max_bytes=settings.max_body_bytes, seconds=settings.body_timeout_seconds
            )
        except RequestTooLarge as error:
            raise _Refused(problem(413, "too_large", error.description)) from error
        except InvalidRequest as error:
            raise _Refused(problem(408, "too_slow", error.description)) from error
        if body and exchange.method in _WRITING:
            media_type = (exchange.header(b"content-type") or "").partition(";")[0].strip().lower()
            if media_type not in _MEDIA_TYPES.get(exchange.method, ("application/json",)):
                text = "Send JSON, with Content-Type: application/json."
                raise _Refused(problem(415, "unsupported_media_type", text))
            try:
                strict_json.parse_object(body)
            except ValueError as error:
                text = "The body is one JSON object in UTF-8, in which no member is repeated."
                raise _Refused(problem(400, "malformed_json", text)) from error
        return body

    def _build(self) -> ASGIApp:
        from tokenbooth.management.rest.app import build

        settings = self._booth.settings
        guard = Guard(
            self._base_url,
            audience_at(self._base_url),
            # A proxy is believed about certificates only if it was said to forward them.
            trusted_proxies=[str(each) for each in parse_networks(settings.trusted_proxy)]
            if settings.client_certificate_header
            else (),
            client_certificate_header=settings.client_certificate_header or "client-cert",
            # Nothing goes over any network: the service is asked within the process.
            allow_plain_http_for_development=True,
            # So asking costs nothing: new keys are known here as soon as elsewhere.
            key_set_seconds=_KEY_SET_SECONDS,
            fetch=self._fetch,
            clock=self._booth.clock,
        )
        return build(booth=self._booth, guard=guard, base_url=self._base_url)

    def _tell(self, exchange: Exchange, inner: Scope) -> None:
        caller = inner["state"].get("caller")
        # Of a refused request nothing is repeated: a secret may stand anywhere in it.
        names = inner.get("path_params", {}) if exchange.status < 400 else {}
        self._log.info(
            "managed" if exchange.status < 400 else "management_refused",
            method=exchange.method if exchange.status != 405 else "other",
            route=getattr(inner.get("route"), "path", None),
            **{f"target_{name}": value for name, value in names.items()},
            status=exchange.status,
            client_id=None if caller is None else caller.client_id,
            request_id=exchange.request_id,
        )


class _Refused(Exception):
    """The request is refused before anybody looks at what it wants."""

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__(members["code"])
        self.members = members


async def _answer(exchange: Exchange, members: dict[str, Any]) -> None:
    await exchange.answer(
        members["status"],
        msgspec.json.encode(members),
        MEDIA_TYPE.encode(),
        ((b"cache-control", b"no-store"),),
    )
