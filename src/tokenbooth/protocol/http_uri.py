"""http URLs made comparable: one text for all spellings of one target (RFC 3986 §6.2)."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_URI_LENGTH = 8192

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PERCENT = re.compile(r"%(?:([0-9A-Fa-f]{2})|)")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def without_query(url: str) -> str:
    """Return `url` up to its query or fragment."""
    return url.partition("#")[0].partition("?")[0]


def comparable(unverified_url: str) -> str:
    """Return scheme, host, port and path in their one spelling; raises ValueError.

    Query and fragment are left out. Case, a default port, dot segments and needless
    percent-encoding make no difference (RFC 9449 §4.3).
    """
    url = without_query(unverified_url)
    if len(url) > MAX_URI_LENGTH or not url.isascii() or not url.isprintable():
        raise ValueError("too long, or characters that no URL has")
    if " " in url or "\\" in url:
        raise ValueError("a space or backslash, which no URL has")
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("no absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError("a user name, which a target has not")
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        authority = _host(host)
    else:
        authority = f"{_host(host)}:{port}"
    return f"{parts.scheme}://{authority}{_path(parts.path)}"


def origin(url: str) -> str:
    """Return scheme, host and port of an http URL in their one spelling; raises ValueError."""
    scheme, _, rest = comparable(url).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _host(host: str) -> str:
    if ":" not in host:
        return _percent_normalised(host).lower()
    return f"[{ip_address(host).compressed}]"


def _path(path: str) -> str:
    return _without_dots(_percent_normalised(path) or "/")


def _percent_normalised(text: str) -> str:
    if "%" not in text:
        return text

    def normalised(match: re.Match[str]) -> str:
        if match[1] is None:
            raise ValueError("a percent sign that encodes nothing")
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else f"%{match[1].upper()}"

    return _PERCENT.sub(normalised, text)


def _without_dots(path: str) -> str:
    """Resolve "." and ".." (RFC 3986 §5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
