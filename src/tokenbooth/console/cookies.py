"""The session's cookie."""

from collections.abc import Mapping

from starlette.responses import Response


class SessionCookie:
    """Its name and attributes at one service; over https it is bound to this host alone."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        # Browsers take a __Host- cookie from nobody but this very host, over https.
        self._name = "__Host-tokenbooth" if is_secure else "tokenbooth_session"

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """Return the value that the browser sent."""
        return cookies.get(self._name) or None

    def set(self, response: Response, value: str) -> None:
        """Let the browser keep it until it is closed; the service ends the session before."""
        response.set_cookie(
            self._name, value, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self._name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
