"""Which proxy of the environment stands between this machine and a URL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.remote.address import is_loopback


class ProxyUnusable(ValueError):
    """A proxy variable that cannot work; the text says why and shows no credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy; `headers` can hold its password, so `repr` does not show them."""

    scheme: str
    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> str:
        """The proxy's address without its user name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy through which `HttpFetch` goes to `url`; raises ProxyUnusable."""
    import httpx2

    if is_loopback(urlsplit(url).hostname or ""):
        return None
    try:
        with httpx2.Client() as client:
            # The library has no public place for what it made of the variables, and any other
            # reading of NO_PROXY could differ from its own.
            transport: Any = client._transport_for_url(httpx2.URL(url))  # noqa: SLF001 - see above
            pool = transport._pool  # noqa: SLF001 - see above
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise ProxyUnusable(_why(error)) from error
    found = getattr(pool, "_proxy_url", None)
    if found is None:
        return None
    scheme, host = found.scheme.decode("ascii", "replace"), found.host.decode("ascii", "replace")
    headers = getattr(pool, "_proxy_headers", ())
    return Proxy(
        scheme=scheme,
        host=host,
        port=found.port or (443 if scheme == "https" else 80),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in headers},
    )


def _why(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "it names a SOCKS proxy, which needs the package socksio"
    # The library's own text quotes the variable, password and all.
    return "it is no URL of a proxy like http://proxy.example:3128"
