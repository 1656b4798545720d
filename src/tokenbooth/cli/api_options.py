"""Options for what the tokens of an API carry beyond scopes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import MAX_INPUT, read_stdin
from tokenbooth.cli.request_options import given_claims
from tokenbooth.management.errors import ManagementError
from tokenbooth.management.service.apis import detail_types
from tokenbooth.protocol.authorization_details import DetailType
from tokenbooth.server.records import ApiPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiChanges:
    """What the options say; None where they say nothing."""

    claims: dict[str, Any] | None = None
    authorization_details: tuple[DetailType, ...] | None = None

    def added_to(self, policy: ApiPolicy) -> ApiPolicy:
        """Return the policy with what is said here."""
        return replace(
            policy,
            claims=self.claims or {},
            authorization_details=self.authorization_details or (),
        )


def api_policy_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `changes` what they say."""

    @click.option(
        "--claim",
        "claims",
        metavar="NAME=JSON",
        multiple=True,
        help="In every token for it, say 'tier=\"gold\"'.",
    )
    @click.option(
        "--authorization-details",
        "details",
        metavar="FILE|-",
        help="The types of details that it understands (RFC 9396): a JSON array.",
    )
    @functools.wraps(command)
    def with_changes(
        *args: object, claims: tuple[str, ...], details: str | None, **given: object
    ) -> object:
        try:
            changes = ApiChanges(claims=given_claims(claims), authorization_details=_types(details))
        except ManagementError as error:
            raise Failure(Outcome.USAGE, str(error)) from error
        return command(*args, changes=changes, **given)

    return with_changes


def _types(place: str | None) -> tuple[DetailType, ...] | None:
    if place is None:
        return None
    if place == "none":
        return ()
    if place == "-":
        return detail_types(read_stdin("types of details").encode())
    try:
        with Path(place).open("rb") as file:
            return detail_types(file.read(MAX_INPUT))
    except OSError as error:
        raise Failure(Outcome.USAGE, f"Cannot read {place}: {error.strerror}.") from error
