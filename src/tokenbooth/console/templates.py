"""The templates, and the words and numbers that they share."""

import hashlib
from datetime import UTC, datetime
from importlib import resources
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket

from tokenbooth.clock import Clock

_SECONDS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


class _Compiled(BytecodeCache):
    """What the templates compile to, for every console of this process: it takes 50 ms each."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


class Templates:
    """Renders pages; everything that they show is escaped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jinja = Environment(
            loader=PackageLoader("tokenbooth.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=_COMPILED,
        )
        self._jinja.filters |= {
            "moment": self.moment,
            "ago": self.ago,
            "span": span,
            "number": lambda value: f"{value:,}",
        }
        self._jinja.globals["static_version"] = static_version()

    def render(self, template: str, **context: Any) -> str:  # noqa: ANN401 - whatever it shows
        """Return the text of a page."""
        return self._jinja.get_template(template).render(**context)

    def moment(self, at: float | datetime | None) -> str:
        """Write a time as people and machines read it alike; nothing for None."""
        return "" if at is None else f"{_datetime(at):%Y-%m-%d %H:%M} UTC"

    def ago(self, at: float | datetime | None) -> str:
        """Write how long ago a time was, or how soon it will be."""
        if at is None:
            return "never"
        seconds = self._clock.now() - _datetime(at).timestamp()
        return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float) -> str:
    """Write a length of time in its largest unit: "3 hours"."""
    for name, length in _SECONDS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}" + ("" if count == 1 else "s")
    return "a moment"


def static_version() -> str:
    """Return a text that changes with the static files, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for file in sorted(_static_files(), key=lambda each: each.name):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _static_files() -> list[Any]:
    folder = resources.files("tokenbooth.console") / "static"
    return [
        file for place in (folder, folder / "vendor") for file in place.iterdir() if file.is_file()
    ]


def _datetime(at: float | datetime) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
