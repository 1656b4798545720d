"""Where a key lies in a device, in writing: `pkcs11:token=booth?module-path=…` (RFC 7512)."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote_to_bytes

SCHEME = "pkcs11:"

_PATH = {"token": "token", "serial": "serial", "object": "label", "id": "id"}
_QUERY = {"module-path": "module_path", "pin-source": "pin_source"}
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})*", re.ASCII)
_MAX_LENGTH = 1024
_SAFE = "-._~:@/"


class UriRefused(ValueError):
    """It is no PKCS#11 URI that can be used here; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Uri:
    """A device, and a key in it once there is one."""

    token: str | None = None
    serial: str | None = None
    label: str | None = None
    id: bytes | None = None
    module_path: str
    pin_source: str | None = None  # env:NAME or file:PATH; None: the device asks for no PIN

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI; raises UriRefused."""
        if not text.startswith(SCHEME) or len(text) > _MAX_LENGTH:
            raise UriRefused('Write a device as "pkcs11:token=NAME?module-path=FILE&pin-source=…".')
        path, _, query = text.removeprefix(SCHEME).partition("?")
        found = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
        if "token" not in found and "serial" not in found:
            raise UriRefused("The PKCS#11 URI needs token= or serial=, to say which device.")
        if not found.get("module_path"):
            raise UriRefused("The PKCS#11 URI needs ?module-path=, the file of its driver.")
        texts = {name: _text(value) for name, value in found.items() if name != "id"}
        pin_source = texts.get("pin_source")
        if pin_source is not None and not re.match(r"(env|file):.", pin_source):
            raise UriRefused("pin-source is env:NAME or file:PATH.")
        return cls(**{"module_path": "", **texts}, id=found.get("id"))

    def __str__(self) -> str:
        """Return the URI that reads as the same value."""
        path = {"token": self.token, "serial": self.serial, "object": self.label, "id": self.id}
        query = {"module-path": self.module_path, "pin-source": self.pin_source}
        return f"{SCHEME}{_written(path, ';')}?{_written(query, '&')}"

    @property
    def names_a_key(self) -> bool:
        """Whether it says which key in the device."""
        return self.label is not None or self.id is not None


def _attributes(text: str, between: str, known: dict[str, str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(between) if text else []:
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise UriRefused("A PIN has no place in a URI; use pin-source=env:NAME or file:PATH.")
        if name == "type" and value == "private":
            continue
        if not equals or name not in known or not _VALUE.fullmatch(value):
            raise UriRefused(f"{part[:40]!r} is no part of a PKCS#11 URI that is understood here.")
        if known[name] in found:
            raise UriRefused(f"The PKCS#11 URI says {name} twice.")
        found[known[name]] = unquote_to_bytes(value)
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UriRefused("The PKCS#11 URI is no UTF-8 text.") from error
    if not text.isprintable():
        raise UriRefused("The PKCS#11 URI holds characters that cannot be shown.")
    return text


def _written(values: dict[str, str | None] | dict[str, str | bytes | None], between: str) -> str:
    return between.join(
        f"{name}={quote(value, safe=_SAFE)}" for name, value in values.items() if value is not None
    )
