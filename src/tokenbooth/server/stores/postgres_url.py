"""Where a PostgreSQL database is: one URL as libpq reads it, which may name several servers."""

from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from tokenbooth.server.stores.contract import StoreUnavailable


def check_url(url: str) -> None:
    """Raise StoreUnavailable for a URL that cannot be read; it is not shown, for the password."""
    try:
        parse_url(url)
    except ValueError as error:
        raise StoreUnavailable(
            "The database's URL cannot be read. It is written"
            " postgresql://user:password@host:5432/name, with %-escapes where needed."
        ) from error


def shown(url: str) -> str:
    """Return where the database is, without the password."""
    hosts, path = parse_url(url)
    return f"postgresql://{hosts}{path}"


def parse_url(url: str) -> tuple[str, str]:
    """Return the hosts with their ports, and the path; raises ValueError."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(","):  # libpq takes several, of which one takes writes
        _ = urlsplit(f"//{host}").port
    return hosts, parts.path


def option(url: str, name: str) -> str | None:
    """Return what the URL says behind its '?' under that name."""
    return parse_qs(urlsplit(url).query).get(name, [None])[-1]


def each_server(url: str) -> tuple[str, ...]:
    """Return one URL for each server that the URL names, in its order."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        return tuple(
            _with(parts, netloc=f"{user}{at}{host}", query=parts.query) for host in hosts.split(",")
        )
    named = option(url, "host")
    if hosts or named is None or "," not in named:
        return (url,)
    ports = (option(url, "port") or "").split(",")
    kept = [part for part in parts.query.split("&") if part.split("=")[0] not in ("host", "port")]
    return tuple(
        _with(parts, netloc=parts.netloc, query="&".join([*kept, *_place(host, port)]))
        for host, port in zip(
            named.split(","), _for_each(ports, named.count(",") + 1), strict=False
        )
    )


def _with(parts: SplitResult, *, netloc: str, query: str) -> str:
    # urlunsplit would leave out the slashes before an empty place.
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{query}"


def _for_each(ports: list[str], count: int) -> list[str]:
    return ports * count if len(ports) == 1 else ports


def _place(host: str, port: str) -> Iterator[str]:
    yield f"host={quote(host, safe='')}"
    if port:
        yield f"port={port}"
