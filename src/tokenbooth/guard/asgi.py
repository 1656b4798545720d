"""What the guard reads of an ASGI request."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def authorization_headers(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every Authorization header, also a repeated one."""
    return [
        ("authorization", value.decode("latin-1"))
        for name, value in scope["headers"]
        if name.lower() == b"authorization"
    ]


def request_url(scope: Mapping[str, Any]) -> str:
    """Return path and query; not the host, which the caller makes up (CVE-2026-48710)."""
    path = quote(scope["path"])
    query: bytes = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path
