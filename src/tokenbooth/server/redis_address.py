"""Where Valkey or Redis is, and how it is spoken to."""

import ipaddress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tokenbooth.protocol.secret import Secret

FORMS = "redis://host:6379/0, rediss://host:6379/0 for TLS, or unix:///path/to/socket"
NO_DRIVER = "Valkey and Redis take a driver: pip install 'tokenbooth[server,redis]'."

_PLAIN = ("redis", "valkey")
_TLS = ("rediss", "valkeys")
_PORT = 6379
_MOST_DATABASES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """One server. No text of ours ever shows the password."""

    host: str = ""
    port: int = _PORT
    socket: str = ""  # a path, instead of host and port
    is_encrypted: bool = False
    ca_file: str | None = None
    database: int = 0
    username: str | None = None
    password: Secret | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the URL; raises ValueError with what is wrong, which never quotes the URL."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORT
        except ValueError:
            raise ValueError(f"no URL; use {FORMS}, with %-escapes where needed") from None
        if parts.scheme not in (*_PLAIN, *_TLS, "unix"):
            raise ValueError(f"use {FORMS}")
        if parts.fragment:
            raise ValueError("write # in a password as %23")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        password = unquote(parts.password) if parts.password else None
        own = {
            "username": unquote(parts.username) if parts.username else None,
            "password": Secret(password) if password else None,
            "is_encrypted": parts.scheme in _TLS,
        }
        if parts.scheme == "unix":
            database = _number(options.pop("db", "0"))
            found = cls(socket=unquote(parts.path), database=database, **own)  # type: ignore[arg-type] # as they are named
            is_somewhere = len(found.socket) > 1
        else:
            database = _number(parts.path.strip("/") or "0")
            ca_file = options.pop("ssl_ca_certs", None) if parts.scheme in _TLS else None
            host = parts.hostname or ""
            found = cls(host=host, port=port, database=database, ca_file=ca_file, **own)  # type: ignore[arg-type] # as above
            is_somewhere = bool(host) and "," not in host
        if not is_somewhere:
            raise ValueError(f"say which one server: {FORMS}")
        if options:
            raise ValueError(
                "of options there are ssl_ca_certs (a file) for rediss://, and db for unix://"
            )
        return found

    @property
    def shown(self) -> str:
        """Where it is, fit for a log."""
        if self.socket:
            return f"unix://{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.is_encrypted else 'redis'}://{host}:{self.port}"

    @property
    def is_near(self) -> bool:
        """Whether it can only be on this machine."""
        if self.socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def redis_mistakes(url: str) -> list[str]:
    """Return what is wrong with the URL, empty if nothing is."""
    try:
        RedisAddress.parse(url)
    except ValueError as error:
        return [str(error)]
    return []


def has_driver() -> bool:
    """Whether what speaks to Valkey and Redis is installed; it is not imported for that."""
    return find_spec("redis") is not None


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= _MOST_DATABASES:
        raise ValueError("a database has a number, like 0")
    return int(text)
