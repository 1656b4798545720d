"""What the guard reads of an ASGI request."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from tokenbooth.remote.address import is_loopback

_READ = (b"authorization", b"dpop")
_HTTP = {"ws": "http", "wss": "https"}
# What stands in a path as it is (RFC 3986 §3.3), and what is encoded already.
_PATH_CHARACTERS = "/:@!$&'()*+,;=~%"


def token_headers(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every Authorization and DPoP header, also repeated ones."""
    return [
        (lowered.decode("ascii"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if (lowered := name.lower()) in _READ
    ]


def request_url(scope: Mapping[str, Any]) -> str:
    """Return path and query, and the origin only where the caller cannot gain by making it up.

    The Host header is the caller's word (CVE-2026-48710): a proof that it made for another server
    would fit here if it were believed. It is believed when it names this machine or a name
    without dots, which no stranger's server on the internet has.
    """
    has_proof = any(name.lower() == b"dpop" for name, _ in scope["headers"])
    place = _local_origin(scope) + _raw_path(scope) if has_proof else quote(scope["path"])
    query: bytes = scope.get("query_string", b"")
    return f"{place}?{query.decode('latin-1')}" if query else place


def _raw_path(scope: Mapping[str, Any]) -> str:
    """Return the path as it was sent, where the server tells it: a proof names it like that."""
    raw: bytes = scope.get("raw_path") or b""
    # A request line may hold a whole URL, whose host is the caller's word as well.
    return quote(raw, safe=_PATH_CHARACTERS) if raw.startswith(b"/") else quote(scope["path"])


def _local_origin(scope: Mapping[str, Any]) -> str:
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
    if len(hosts) != 1:
        return ""
    scheme = scope.get("scheme", "http")
    named = f"{_HTTP.get(scheme, scheme)}://{hosts[0]}"
    try:
        parts = urlsplit(named)
        name = parts.hostname or ""
    except ValueError:
        return ""
    is_host_alone = parts.netloc == hosts[0] and "@" not in hosts[0]
    is_local = is_loopback(name) or not ({".", ":"} & set(name))
    return named if name and is_host_alone and is_local else ""
