"""Which requests come from our own pages, and what browsers are told about them."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"

# No script, style, font or picture but our own; nobody frames a page; no form goes elsewhere.
# Pico draws its small pictures from data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def csrf_token(cookie: str) -> str:
    """Return what forms of the session carry; who has no cookie cannot make one."""
    return hmac.digest(cookie.encode(), b"tokenbooth console form", hashlib.sha256).hex()


def is_csrf_token(cookie: str, unverified_token: str) -> bool:
    """Whether the form was made for this session."""
    return hmac.compare_digest(csrf_token(cookie).encode(), unverified_token.encode())


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether a page of this very host sent the request.

    Every browser sends Origin with a POST. What sends neither header is no browser, and carries
    nobody's cookies but its own.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
