"""Whether anything keeps this machine's clock right, as its kernel has it."""

import ctypes
from collections.abc import Callable, Iterator

from tokenbooth.server.checks.finding import Finding, advice

_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_STRUCT_BYTES = 1024  # more than struct timex has anywhere; all zeros ask and set nothing


def kernel_clock_state() -> int | None:
    """Return what adjtimex(2) returns, or None where it cannot be asked."""
    try:
        asked = ctypes.CDLL(None).ntp_adjtime
    except (AttributeError, OSError):  # no Linux
        return None
    state = int(asked(ctypes.create_string_buffer(_STRUCT_BYTES)))
    return None if state < 0 else state  # a sandbox may forbid it


def check_synchronisation(
    ask: Callable[[], int | None] = kernel_clock_state,
) -> Iterator[Finding]:
    """Yield advice if the kernel knows of nobody who keeps its clock."""
    if ask() == _UNSYNCHRONISED:
        yield advice(
            "clock_unsynchronised",
            "Nothing seems to keep this machine's clock: the kernel calls it unsynchronised.",
            "Run chrony or systemd-timesyncd: tokens carry this machine's time.",
        )
