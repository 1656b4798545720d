"""Moments as people type them: 2026-11-22, 2026-11-22T09:00, or how long ago: 24h, 7d."""

from dataclasses import dataclass
from datetime import UTC, datetime

import click

from tokenbooth.cli.durations import parse_duration


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, or a span before the time at which it is asked for."""

    at: float | None
    ago: int = 0

    def seconds(self, now: float) -> float:
        """Return seconds since 1970."""
        return now - self.ago if self.at is None else self.at


class MomentType(click.ParamType[Moment]):
    """A moment on the command line; without an offset it is UTC."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Moment:
        """Read the option's text."""
        if isinstance(value, Moment):
            return value
        text = str(value)
        try:
            return Moment(None, parse_duration(text))
        except ValueError:
            pass
        try:
            read = datetime.fromisoformat(text)
            zoned = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
            return Moment(zoned.timestamp())
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{text[:40]!r} is no moment: write 24h or 7d for so long ago, "
                "or a time like 2026-11-22T09:00 (UTC).",
                param,
                ctx,
            )


MOMENT = MomentType()
