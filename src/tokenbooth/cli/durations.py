"""Spans of time as people type them: 24h, 30m, 1h30m, 7d, or plain seconds."""

import re

import click

from tokenbooth.management.token_words import spoken

__all__ = ["DURATION", "DurationType", "parse_duration", "spoken"]

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_WHOLE = re.compile(r"(?:[0-9]{1,10}[wdhms])+|[0-9]{1,10}", re.ASCII)
_PART = re.compile(r"([0-9]+)([wdhms]?)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the seconds; raises ValueError. Each unit may be used once."""
    if not _WHOLE.fullmatch(text):
        message = "use a number with a unit, like 30m, 24h or 7d, or plain seconds"
        raise ValueError(message)
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units):
        message = "each unit may be used once"
        raise ValueError(message)
    return sum(int(number) * _SECONDS[unit or "s"] for number, unit in parts)


class DurationType(click.ParamType[int]):
    """A span of time on the command line, in seconds for the program."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the option's text."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{str(value)[:40]!r} is no span of time: {error}.", param, ctx)


DURATION = DurationType()
