"""Options for what the tokens of an API carry beyond scopes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.request_options import given_claims
from tokenbooth.management.errors import ManagementError
from tokenbooth.server.records import ApiPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiChanges:
    """What the options say; None where they say nothing."""

    claims: dict[str, Any] | None = None

    def added_to(self, policy: ApiPolicy) -> ApiPolicy:
        """Return the policy with what is said here."""
        return replace(policy, claims=self.claims or {})


def api_policy_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `changes` what they say."""

    @click.option(
        "--claim",
        "claims",
        metavar="NAME=JSON",
        multiple=True,
        help="In every token for it, say 'tier=\"gold\"'.",
    )
    @functools.wraps(command)
    def with_changes(*args: object, claims: tuple[str, ...], **given: object) -> object:
        try:
            changes = ApiChanges(claims=given_claims(claims))
        except ManagementError as error:
            raise Failure(Outcome.USAGE, str(error)) from error
        return command(*args, changes=changes, **given)

    return with_changes
