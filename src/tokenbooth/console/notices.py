"""What one page leaves for the next to say, once, like that a client was disabled."""

import base64
import binascii
from collections.abc import Mapping

from starlette.responses import Response

_COOKIE = "tokenbooth_notice"
_LONGEST = 1000


def leave_notice(response: Response, text: str, *, root: str) -> None:
    """Have the next page say the text; never a secret, for it lies in a cookie."""
    if text:
        encoded = base64.urlsafe_b64encode(text[:_LONGEST].encode()).decode()
        response.set_cookie(
            _COOKIE, encoded, max_age=60, path=root or "/", httponly=True, samesite="lax"
        )


def read_notice(cookies: Mapping[str, str]) -> str:
    """Return what the page before left to say, or nothing."""
    try:
        return base64.urlsafe_b64decode(cookies.get(_COOKIE, "").encode()).decode()
    except (ValueError, binascii.Error):
        return ""


def clear_notice(response: Response, cookies: Mapping[str, str], *, root: str) -> None:
    """Have it said only once."""
    if _COOKIE in cookies:
        response.delete_cookie(_COOKIE, path=root or "/")
