"""The composition root: settings in, ASGI application out."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.protocol.errors import (
    MethodNotAllowed,
    OAuthError,
    TemporarilyUnavailable,
    printable,
)
from tokenbooth.remote.fetch import Fetch
from tokenbooth.remote.public_fetch import PublicFetch
from tokenbooth.server.admission import Admission
from tokenbooth.server.assembly import assemble, new_registry
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.deadlines import Deadlines
from tokenbooth.server.endpoints.health import healthz, readyz
from tokenbooth.server.endpoints.metrics import metrics
from tokenbooth.server.endpoints.repeated_token import repeated_token
from tokenbooth.server.exchange import (
    ASGIApp,
    ClientGone,
    Exchange,
    Message,
    Peer,
    Receive,
    Scope,
    Send,
)
from tokenbooth.server.key_keeping import KeyKeeper
from tokenbooth.server.log_sampling import LogSampling
from tokenbooth.server.logs import configure_logs, get_logger, outcome_writer
from tokenbooth.server.metrics.counting import Metrics
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.repeats import More
from tokenbooth.server.router import Route, Routes, make_routes
from tokenbooth.server.service import Service
from tokenbooth.server.settings import Settings, parse_names
from tokenbooth.server.shared.opening import sharing
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.tls_listener import TlsListener
from tokenbooth.server.tracing import ServiceTracing, service_tracing
from tokenbooth.server.upkeep import Upkeep
from tokenbooth.server.wire import send_json, send_refusal

Mounts = Mapping[str, ASGIApp]  # path prefix -> application
MakeMounts = Callable[[Booth], Awaitable[Mounts]]

_STORE_AWAY = TemporarilyUnavailable(
    "The service cannot reach its database; try again.", reason="store_unavailable"
)


class TokenService:
    """The ASGI application: hot endpoints first, mounted applications behind them."""

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str,
        make_mounts: MakeMounts | None = None,
        tls: TlsListener | None = None,
        clock: Clock = SYSTEM_CLOCK,
        metrics: Metrics | None = None,
        traces: ServiceTracing | None = None,
    ) -> None:
        self._settings = settings
        self._base_url = base_url
        self._make_mounts = make_mounts
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._traces = traces
        self._sampling = LogSampling.of(settings.log_sample)
        self._routes = Routes(anywhere={}, by_host={})
        self._mounts: Mounts = {}
        self._public_fetch = PublicFetch(
            allow_private_addresses_of=parse_names(settings.allow_private_addresses_for_federation)
        )
        self._service: Service | None = None
        self._tls = tls
        self._admission: Admission | None = None
        self._deadlines = Deadlines()
        self._log = get_logger().bind()
        self._write_outcome = outcome_writer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def leave(self) -> None:
        """Say at /readyz from now on that this node is about to end; all else goes on."""
        if self._service is not None:
            self._service.readiness.is_leaving = True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open the database, serve while inside, and leave nothing unwritten behind."""
        booth = await open_booth(self._settings, clock=self._clock, metrics=self._metrics)
        try:
            self._service = service = await self._open(booth)
            self._mounts = await self._make_mounts(booth) if self._make_mounts else {}
            keeper = KeyKeeper(store=booth.store, vault=booth.vault, clock=booth.clock)
            upkeep = Upkeep(service, keeper, self._admission, self._log, self._sampling)
            try:
                with self._tls.reloading(self._log) if self._tls else contextlib.nullcontext():
                    async with sharing(service.shared), upkeep.running():
                        yield
            finally:
                await service.imported_secrets.close()
        finally:
            self._public_fetch.close()
            await booth.close()
            if self._traces is not None:
                await asyncio.to_thread(self._traces.close)

    async def _open(self, booth: Booth) -> Service:
        registry = new_registry(booth, base_url=self._base_url)

        def lay_out() -> None:
            self._routes = make_routes(registry.issuers.values())
            for view in registry.issuers.values():
                if view.unusable is not None:
                    self._log.error("issuer_unusable", issuer=view.name, reason=view.unusable)

        registry.on_new_issuers = lay_out
        if self._tls is not None and self._settings.asks_for_certificates:
            self._admission = Admission(self._tls, booth.store)
            registry.on_changes = self._admission.note
            await self._admission.admit()
        await registry.refresh()
        fetch: Fetch = self._public_fetch
        if self._traces is not None:
            fetch = self._traces.traced(fetch)
        return assemble(booth, registry, fetch=fetch, log=self._log)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, deadlines=self._deadlines)
        route = self._routes.find(exchange.path, self._host(exchange))
        if route is not None and self._service is not None:
            await self._answer(exchange, route, self._service)
            return
        for prefix, app in self._mounts.items():
            if exchange.path == prefix or exchange.path.startswith(prefix + "/"):
                answering = self._counting(prefix.strip("/"), send)
                if self._traces is None:
                    await app(scope, receive, answering)
                else:
                    await self._traces.elsewhere(app, exchange, receive, answering, prefix)
                return
        began = self._clock.monotonic()
        asked = await self._elsewhere(exchange)
        self._metrics.elsewhere(asked, exchange.status, self._clock.monotonic() - began)

    def _counting(self, name: str, send: Send) -> Send:
        began = self._clock.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = self._clock.monotonic() - began
                self._metrics.elsewhere(name, message["status"], took)
            await send(message)

        return send_counted

    def _host(self, exchange: Exchange) -> str | None:
        return exchange.header(b"host") if self._routes.by_host else None

    async def _answer(self, exchange: Exchange, route: Route, service: Service) -> None:
        began = self._clock.monotonic()
        outcome = Outcome(exchange.source(service.trusted_proxies))
        endpoint = route.endpoint.__name__
        if self._traces is None:
            await self._outcome_of(exchange, route, service, outcome)
        else:
            with self._traces.answering(exchange, endpoint, route.issuer.name, outcome):
                await self._outcome_of(exchange, route, service, outcome)
        service.activity.note(exchange, route.issuer.name, endpoint, outcome)
        self._tell(
            endpoint,
            route.issuer.name,
            outcome,
            status=exchange.status,
            request_id=exchange.request_id,
            began=began,
        )

    def repeat(self, raw: bytes, peer: Peer | None) -> tuple[bytes, bytes] | More | None:
        """Answer a whole request at once, with the lines of the head and the body of a 200.

        None when it repeats none that was answered before: it must be called as ASGI has it.
        MORE when it may yet be one, once the rest of it is there.
        """
        service = self._service
        if service is None or self._traces is not None:  # a trace tells of the longer way
            return None
        began = self._clock.monotonic()
        try:
            repeated = repeated_token(raw, peer, service)
        except Exception:  # noqa: BLE001 - as in `_outcome_of`; the longer way will answer
            self._log.exception("internal_error", endpoint="token")
            return None
        if repeated is None or isinstance(repeated, More):
            return repeated
        service.activity.note_issued(repeated.issuer, repeated.outcome)
        self._tell(
            "token",
            repeated.issuer,
            repeated.outcome,
            status=200,
            request_id=repeated.request_id,
            began=began,
        )
        return repeated.head, repeated.body

    def _tell(
        self,
        endpoint: str,
        issuer: str,
        outcome: Outcome,
        *,
        status: int,
        request_id: str,
        began: float,
    ) -> None:
        """Count the request, and write its line into the log."""
        took = self._clock.monotonic() - began
        self._metrics.answered(endpoint, issuer, outcome, status=status, seconds=took)
        if outcome.reason == "internal_error":  # it is in the log already
            return
        if self._sampling is not None and not self._sampling.keeps(outcome, took):
            return
        self._write_outcome(
            {
                "event": outcome.result,
                "endpoint": endpoint,
                "issuer": issuer,
                "status": status,
                "request_id": request_id,
                "source": outcome.source,
                **outcome.fields,
            }
        )

    async def _outcome_of(
        self, exchange: Exchange, route: Route, service: Service, outcome: Outcome
    ) -> None:
        try:
            await route.endpoint(exchange, route.issuer, service, outcome)
        except OAuthError as refusal:
            outcome.refused(refusal.code, refusal.reason)
            await send_refusal(exchange, refusal, route.issuer)
        except StoreUnavailable:
            outcome.refused(_STORE_AWAY.code, _STORE_AWAY.reason)
            await send_refusal(exchange, _STORE_AWAY, route.issuer)
        except ClientGone:
            outcome.answered("client_gone")
        except Exception:  # noqa: BLE001 - a fault of ours is logged whole and shown to nobody
            self._log.exception("internal_error", request_id=exchange.request_id)
            outcome.refused("server_error", "internal_error")
            await send_json(exchange, {"error": "server_error"}, status=500)

    async def _elsewhere(self, exchange: Exchange) -> str:
        """Answer for the service as a whole, and return what was asked for."""
        there = {"/healthz": healthz, "/readyz": readyz}
        if self._settings.metrics == "on":
            there["/metrics"] = metrics
        state = there.get(exchange.path)
        if state is None or self._service is None:
            await send_json(
                exchange,
                {
                    "error": "not_found",
                    "error_description": printable(f"There is nothing at {exchange.path}"),
                },
                status=404,
            )
            return "nothing"
        if exchange.method in ("GET", "HEAD"):
            await state(exchange, self._service)
        else:
            refusal = MethodNotAllowed("Use GET.", allow="GET, HEAD")
            await send_json(
                exchange,
                {"error": refusal.code, "error_description": refusal.description},
                status=405,
                headers=((b"allow", b"GET, HEAD"),),
            )
        return exchange.path.strip("/")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        async with contextlib.AsyncExitStack() as stack:
            message: Message = await receive()
            try:
                await stack.enter_async_context(self.running())
            except Exception as error:  # noqa: BLE001 - the server must hear of every failure
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            # What was made at the start stays: without it a full collection takes 1 ms, not 60.
            gc.collect()
            gc.freeze()
            await send({"type": "lifespan.startup.complete"})
            while message["type"] != "lifespan.shutdown":
                message = await receive()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(
    settings: Settings,
    *,
    base_url: str,
    make_mounts: MakeMounts | None = None,
    tls: TlsListener | None = None,
    metrics: Metrics | None = None,
) -> TokenService:
    """Return the application; `base_url` is the default issuer's identifier."""
    configure_logs(settings.log_format, settings.log_level, names_traces=settings.traces == "on")
    return TokenService(
        settings,
        base_url=base_url,
        make_mounts=make_mounts,
        tls=tls,
        metrics=metrics,
        traces=service_tracing(settings),
    )
