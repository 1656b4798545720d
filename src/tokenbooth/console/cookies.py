"""The cookies of the console: of a session, of a browser, and on the way to another sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from starlette.responses import Response

from tokenbooth.management.people.devices import LIFETIME as DEVICE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCookie:
    """A cookie's name and attributes at one service; over https it is bound to this host alone."""

    name: str
    is_secure: bool
    seconds: int | None = None  # None: until the browser is closed; the service ends it before

    @classmethod
    def called(cls, name: str, *, is_secure: bool, seconds: int | None = None) -> Self:
        """Make it; `name` is the last part of its name."""
        # Browsers take a __Host- cookie from nobody but this very host, over https.
        prefix = "__Host-tokenbooth" if is_secure else "tokenbooth"
        return cls(
            name=f"{prefix}_{name}" if name else prefix, is_secure=is_secure, seconds=seconds
        )

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """Return the value that the browser sent."""
        return cookies.get(self.name) or None

    def set(self, response: Response, value: str) -> None:
        """Let the browser keep it."""
        response.set_cookie(
            self.name,
            value,
            max_age=self.seconds,
            path="/",
            secure=self.is_secure,
            httponly=True,
            # Not strict: whoever follows a link to the console is signed in there.
            samesite="lax",
        )

    def clear(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self.name, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCookies:
    """All of them."""

    session: OwnCookie
    device: OwnCookie  # that somebody signed in here before: strangers' guesses do not count
    elsewhere: OwnCookie  # while somebody signs in at the provider of the single sign-on

    @classmethod
    def of_service(cls, *, is_secure: bool) -> Self:
        """Return those of a service that is reached over https, or not."""
        return cls(
            session=OwnCookie.called("" if is_secure else "session", is_secure=is_secure),
            device=OwnCookie.called("device", is_secure=is_secure, seconds=DEVICE_SECONDS),
            elsewhere=OwnCookie.called("elsewhere", is_secure=is_secure, seconds=600),
        )
