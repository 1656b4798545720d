"""Structured logs: one line an outcome, with typed reasons, and never a secret or token.

Every request writes a line, so a line must cost microseconds: `outcome_writer` writes it past
structlog, in the same form.
"""

import asyncio
import contextlib
import functools
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import msgspec
import structlog

from tokenbooth.remote.tracing import current_trace_id

Logger = Any  # structlog's bound logger has no static type of its own
Event = dict[str, Any]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_WIDTH = 7  # of the longest level

_encode = msgspec.json.Encoder().encode


def configure_logs(log_format: str, level: str, *, names_traces: bool = False) -> None:
    """Set up logging of this process on standard error, as lines for people or as JSON."""
    on_terminal = log_format == "console" and sys.stderr.isatty()
    processors: list[Any] = [_name_trace] if names_traces else []
    processors += _for_terminal() if on_terminal else _for_file(log_format)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr)
        if on_terminal
        else structlog.BytesLoggerFactory(file=cast("BinaryIO", _LosingLines(sys.stderr.buffer))),
        cache_logger_on_first_use=True,
    )
    # Libraries tell of each migration and each fetch at level info; only their warnings matter.
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tokenbooth").setLevel(_LEVELS[level])


def get_logger() -> Logger:
    """Return the service's logger; bind it once, after `configure_logs`: binding costs."""
    return structlog.get_logger()


def outcome_writer() -> Callable[[Event], None]:
    """Return what writes one request's line at level info, as the logger would."""
    logger = get_logger().bind()
    if not logger.is_enabled_for(_LEVELS["info"]):
        return lambda _event: None
    render = structlog.get_config()["processors"][-1]
    if render not in (_as_json, _as_line):
        return lambda event: logger.info(**event)
    return _Lines(sys.stderr.buffer, render).write


class _Lines:
    """Lines of requests: those of one turn of the event loop reach the stream together."""

    __slots__ = ("_is_waiting", "_render", "_stream")

    def __init__(self, stream: BinaryIO, render: Callable[[object, str, Event], bytes]) -> None:
        self._stream = stream
        self._render = render
        self._is_waiting = False

    def write(self, event: Event) -> None:
        line = self._render(None, "info", _stamp(None, "info", event)) + b"\n"
        with contextlib.suppress(OSError):
            self._stream.write(line)
        if not self._is_waiting:
            self._is_waiting = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_waiting = False
        with contextlib.suppress(OSError):
            self._stream.flush()


class _LosingLines:
    """A stream that loses lines rather than requests: its disk may be full, its reader gone."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def _for_terminal() -> list[Any]:
    # The default traceback shows local variables, and so the secrets in them.
    plain = structlog.dev.plain_traceback
    return [_stamp, structlog.dev.ConsoleRenderer(colors=True, exception_formatter=plain)]


def _for_file(log_format: str) -> list[Any]:
    render = _as_json if log_format == "json" else _as_line
    return [_stamp, structlog.processors.format_exc_info, render]


def _name_trace(_logger: object, _level: str, event: Event) -> Event:
    if "trace_id" not in event and (trace_id := current_trace_id()):
        event["trace_id"] = trace_id
    return event


def _stamp(_logger: object, level: str, event: Event) -> Event:
    event["level"] = level
    # The log tells when a line was written, whatever clock the service runs on.
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    event["timestamp"] = f"{_to_the_second(seconds)}.{milliseconds:03}+00:00"
    return event


@functools.lru_cache(maxsize=2)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _as_json(_logger: object, _level: str, event: Event) -> bytes:
    return _encode(event)


def _as_line(_logger: object, level: str, event: Event) -> bytes:
    del event["level"]
    head = f"{event.pop('timestamp')} {level:{_WIDTH}} {event.pop('event')}"
    trace = event.pop("exception", None)
    # As Python writes values: what a stranger sent can forge no field and no line.
    line = " ".join([head, *[f"{name}={value!r}" for name, value in event.items()]])
    return (line if trace is None else f"{line}\n{trace}").encode("utf-8", "backslashreplace")
