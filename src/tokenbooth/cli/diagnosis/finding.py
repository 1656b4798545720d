"""What one check found: a verdict, what was seen, and what is likely wrong, likeliest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tokenbooth.cli.failures import Outcome

Verdict = Literal["ok", "warning", "failed", "skipped"]
Findings = Iterator["Finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check; each cause begins with its fix."""

    check: str
    verdict: Verdict
    seen: str
    causes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    outcome: Outcome | None = None  # what the program ends with, of a failed check


def ok(check: str, seen: str, *, details: tuple[str, ...] = ()) -> Finding:
    """Nothing is wrong."""
    return Finding(check=check, verdict="ok", seen=seen, details=details)


def warning(check: str, seen: str, *causes: str, details: tuple[str, ...] = ()) -> Finding:
    """It works, and may not work elsewhere or for long."""
    return Finding(check=check, verdict="warning", seen=seen, causes=causes, details=details)


def failed(
    check: str, outcome: Outcome, seen: str, *causes: str, details: tuple[str, ...] = ()
) -> Finding:
    """It does not work."""
    return Finding(
        check=check, verdict="failed", seen=seen, causes=causes, details=details, outcome=outcome
    )


def skipped(check: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(check=check, verdict="skipped", seen=why)
