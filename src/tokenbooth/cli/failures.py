"""How a command can fail: its exit code, and a word for programs that read `--json`."""

from enum import Enum

import click


class Outcome(Enum):
    """Exit code, word, and meaning; shown in `tokenbooth --help`."""

    FAILED = (1, "failed", "failed")
    USAGE = (2, "usage", "usage: an option, argument or setting is wrong")
    NETWORK = (3, "network", "network or TLS")
    AUTHENTICATION = (4, "authentication_refused", "authentication refused")
    NOT_ALLOWED = (5, "not_allowed", "not allowed")
    NOT_FOUND = (6, "not_found", "not found")
    CONFLICT = (7, "conflict", "conflict: the name is taken, or still in use")
    RATE_LIMITED = (8, "rate_limited", "rate limited")
    SERVER_ERROR = (9, "server_error", "server error")
    INTERRUPTED = (130, "interrupted", "interrupted")

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return self.value[0]

    @property
    def word(self) -> str:
        """The stable name of the failure."""
        return self.value[1]

    @property
    def meaning(self) -> str:
        """The failure in words."""
        return self.value[2]


class Failure(click.ClickException):
    """A command that did not do what it was asked; the text says what to do next."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
