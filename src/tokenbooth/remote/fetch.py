"""The one way out over HTTP: bounded in time and size, no redirects, no plain http off loopback."""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol

from tokenbooth import __version__
from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.remote.address import AddressRefused, checked_address, is_loopback, shown
from tokenbooth.remote.deadline import Deadline, bound_by_deadline
from tokenbooth.remote.per_process import PerProcess

if TYPE_CHECKING:
    import httpcore2
    import httpx2


class FetchFailed(Exception):
    """No answer was had.

    `reason` is one of unreachable, timeout, tls, too_large, compressed, garbled, address, status;
    `is_transient` says whether trying again later can help.
    """

    def __init__(self, reason: str, text: str, *, is_transient: bool) -> None:
        super().__init__(text)
        self.reason = reason
        self.is_transient = is_transient


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `repr` shows neither headers nor body, which carry credentials."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout: float = (
        10.0  # seconds from the connection to the last byte; the name look-up has limits of its own
    )
    max_bytes: int = 1 << 20  # of the answer's body


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back; `headers` has lower-case names, `repr` shows the status alone."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Fetch(Protocol):
    """Anything that performs a request; blocks, may be called by many threads at once."""

    def __call__(self, request: Request) -> Response:
        """Return the answer whatever its status; raises FetchFailed when there is none."""


def default_tls() -> ssl.SSLContext:
    """Return TLS settings that trust what this machine trusts."""
    import httpx2

    return httpx2.create_ssl_context()


class HttpFetch:
    """Fetches over httpx2.

    Redirects are answers like any other: following one would carry credentials along.
    `connections` wraps what opens them, for whoever restricts where to.
    """

    def __init__(
        self,
        *,
        allow_plain_http_for_development: bool = False,
        tls: ssl.SSLContext | None = None,
        clock: Clock = SYSTEM_CLOCK,
        use_proxies: bool = True,
        connections: Callable[["httpcore2.NetworkBackend"], Any] = lambda backend: backend,
    ) -> None:
        self._connections = connections
        self._allow_plain_http = allow_plain_http_for_development
        self._tls = tls
        self._clock = clock
        # A proxy of the environment must not see what is meant for this machine.
        self._near = PerProcess(lambda: self._client(use_proxies=False))
        self._far = PerProcess(lambda: self._client(use_proxies=use_proxies))

    def __call__(self, request: Request) -> Response:
        try:
            parts = checked_address(request.url, allow_plain_http=self._allow_plain_http)
        except AddressRefused as error:
            raise FetchFailed("address", str(error), is_transient=False) from error
        client = self._client_for(parts.hostname or "")
        deadline = Deadline(self._clock, request.timeout)
        with _failures_named(request), deadline.in_force():
            return _exchange(client, request, deadline)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        for each in (self._near, self._far):
            client = each.take()
            if client is not None:
                client.close()

    def _client_for(self, host: str) -> "httpx2.Client":
        if is_loopback(host):
            return self._near.get()
        try:
            return self._far.get()
        except (ValueError, ImportError) as error:
            # A proxy's address may hold a password, so it is not repeated.
            text = (
                "The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: "
                "write http://host:port (SOCKS takes the package socksio)."
            )
            raise FetchFailed("proxy", text, is_transient=False) from error

    def _client(self, *, use_proxies: bool) -> "httpx2.Client":
        import httpx2

        tls = self._tls or default_tls()
        client = httpx2.Client(
            verify=tls,
            trust_env=use_proxies,
            follow_redirects=False,
            headers={
                "user-agent": f"tokenbooth/{__version__}",
                "accept": "application/json",
                "accept-encoding": "identity",
            },
            # Cookies would tie one request to another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        bound_by_deadline(client, self._connections)
        return client


def _exchange(client: "httpx2.Client", request: Request, deadline: Deadline) -> Response:
    with client.stream(
        request.method,
        request.url,
        headers=dict(request.headers),
        content=request.body or None,
        timeout=request.timeout,
    ) as answer:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            # A few compressed bytes can unfold to gigabytes, and none were asked for.
            raise _failed(request, "compressed", "sent a compressed answer that was not asked for")
        announced = answer.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > request.max_bytes:
            raise _too_large(request)
        body = bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) > request.max_bytes:
                raise _too_large(request)
            if deadline.remaining() <= 0:
                raise _too_slow(request)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, headers=headers, body=bytes(body))


@contextlib.contextmanager
def _failures_named(request: Request) -> Iterator[None]:
    import httpx2

    # The library's own texts are dropped: they can quote what the other side sent.
    try:
        yield
    except httpx2.TimeoutException as error:
        raise _too_slow(request) from error
    except (httpx2.RemoteProtocolError, httpx2.LocalProtocolError, httpx2.DecodingError) as error:
        raise _failed(request, "garbled", "did not answer in HTTP", is_transient=True) from error
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
        certificate = _certificate_problem(error)
        if certificate:
            text = f"showed a certificate that is not trusted ({certificate})"
            raise _failed(request, "tls", text) from error
        raise _failed(request, "unreachable", "cannot be reached", is_transient=True) from error


def _certificate_problem(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message
        seen = seen.__cause__ or seen.__context__
    return ""


def _failed(request: Request, reason: str, what: str, *, is_transient: bool = False) -> FetchFailed:
    return FetchFailed(reason, f"{shown(request.url)} {what}.", is_transient=is_transient)


def _too_large(request: Request) -> FetchFailed:
    return _failed(request, "too_large", f"sent more than {request.max_bytes} bytes")


def _too_slow(request: Request) -> FetchFailed:
    what = f"did not answer within {request.timeout:g} seconds"
    return _failed(request, "timeout", what, is_transient=True)
