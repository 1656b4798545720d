"""One thing that a check found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "advice"]
LEVELS: tuple[Level, ...] = ("error", "warning", "advice")  # the worst first


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was seen, and what to do about it. No secret is ever in it."""

    level: Level
    about: str  # a stable word for programs, like tls_certificate_expires
    seen: str
    do: str


def error(about: str, seen: str, do: str) -> Finding:
    """Return what breaks the service, or opens it to others."""
    return Finding(level="error", about=about, seen=seen, do=do)


def warning(about: str, seen: str, do: str) -> Finding:
    """Return what will hurt one day."""
    return Finding(level="warning", about=about, seen=seen, do=do)


def advice(about: str, seen: str, do: str) -> Finding:
    """Return what could be better."""
    return Finding(level="advice", about=about, seen=seen, do=do)
