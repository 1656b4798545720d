"""Structured logs: one line an outcome, with typed reasons, and never a secret or token."""

import logging
import sys
from typing import Any

import msgspec
import structlog

Logger = Any  # structlog's bound logger has no static type of its own

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(log_format: str, level: str) -> None:
    """Set up logging of this process on standard error, as lines for people or as JSON."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer)
        if log_format == "json"
        else structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=_LEVELS[level], format="%(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def get_logger() -> Logger:
    """Return the service's logger."""
    return structlog.get_logger()


def _rendering(log_format: str) -> list[Any]:
    if log_format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    # The default traceback shows local variables, and so the secrets in them.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _to_json(event: dict[str, Any], **_: object) -> bytes:
    return msgspec.json.encode(event)
