"""The trace that a request is part of, as its sender tells it (W3C Trace Context).

Anybody may send these headers, so what is not exactly in their form is left out, and nobody is
told: a trace is no reason to refuse a request, and no reason to write down what a stranger sent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_MEMBER = re.compile(
    r"([a-z0-9][_0-9a-z\-*/@]{0,255})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)
_LONGEST_PARENT = 256
_LONGEST_STATE = 512
_MOST_MEMBERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceParent:
    """The span that asks, in whoever's program."""

    trace_id: int
    span_id: int
    flags: int
    state: tuple[tuple[str, str], ...] = ()  # what tracing systems say to each other


def read_trace_context(parents: Sequence[str], states: Sequence[str]) -> TraceParent | None:
    """Read the headers `traceparent` and `tracestate`; None where there is no good parent."""
    if len(parents) != 1 or len(parents[0]) > _LONGEST_PARENT:
        return None
    found = _PARENT.fullmatch(parents[0].strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more:  # later versions may say more
        return None
    return TraceParent(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        flags=int(flags, 16),
        state=_read_state(",".join(states)),
    )


def _read_state(text: str) -> tuple[tuple[str, str], ...]:
    # All or nothing: a list with holes would say what nobody said.
    if len(text) > _LONGEST_STATE:
        return ()
    members = [part.strip(" \t") for part in text.split(",") if part.strip(" \t")]
    pairs: dict[str, str] = {}
    for member in members:
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in pairs:
            return ()
        pairs[found[1]] = found[2]
    return tuple(pairs.items()) if len(pairs) <= _MOST_MEMBERS else ()
