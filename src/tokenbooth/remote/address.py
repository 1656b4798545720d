"""Which URLs may be called at all: https, or plain http to this machine (RFC 6749 §3.2)."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


class AddressRefused(ValueError):
    """A URL that must not be called; the text starts with the fix and shows no credentials."""


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine by name or number."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """Return `url` fit for logs and errors: without user information, query and fragment."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "a malformed URL"
    where = f"[{host}]" if ":" in host else host
    text = f"{parts.scheme}://{where}{f':{port}' if port else ''}{parts.path}"
    return "".join(c if c.isprintable() else "?" for c in text[:300])


def checked_address(url: str, *, allow_plain_http: bool = False) -> SplitResult:
    """Return the parts of a URL that may be called; raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused(f"Correct the URL {shown(url)}: it is malformed.") from error
    if parts.scheme not in ("https", "http") or not host:
        raise AddressRefused(f"Give an absolute https URL: {shown(url)} is none.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(
            f"Correct the URL {shown(url)}: it holds characters that a URL may not."
        )
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"Take the user name and password out of the URL {shown(url)}.")
    if parts.scheme == "http" and not (allow_plain_http or is_loopback(host)):
        raise AddressRefused(
            f"Use https for {shown(url)}: plain http lets the network read secrets and tokens."
        )
    return parts
