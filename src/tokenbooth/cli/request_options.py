"""Options for what a client may ask for beyond scopes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.management.clients.client_changes import ClientChanges
from tokenbooth.management.clients.requests import GRANTS, USUAL_GRANTS, claims_of, grant_types
from tokenbooth.management.errors import ManagementError
from tokenbooth.server.records import ClientPolicy

_NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What the options say; None where they say nothing."""

    grants: tuple[str, ...] | None
    exchanges: tuple[str, ...] | None
    claims: dict[str, Any] | None
    authorization_details: tuple[str, ...] | None

    @property
    def grants_or_usual(self) -> tuple[str, ...]:
        """The grants of a new client."""
        return USUAL_GRANTS if self.grants is None else self.grants

    def added_to(self, policy: ClientPolicy) -> ClientPolicy:
        """Return the policy with what is said here."""
        return replace(
            policy,
            exchanges=self.exchanges or (),
            claims=self.claims or {},
            authorization_details=self.authorization_details or (),
        )

    def added_to_changes(self, changes: ClientChanges) -> ClientChanges:
        """Return the changes with what is said here."""
        said: dict[str, Any] = {
            "grant_types": self.grants,
            "exchanges": self.exchanges,
            "claims": self.claims,
            "authorization_details": self.authorization_details,
        }
        return replace(changes, **{name: each for name, each in said.items() if each is not None})


def request_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `requests` what they say."""

    @click.option(
        "--grant",
        "grants",
        metavar="GRANT",
        multiple=True,
        help=f"Exactly these: {', '.join(GRANTS)}, or in full.  "
        "[default for a new client: client-credentials, refresh-token]",
    )
    @click.option(
        "--exchanges",
        metavar="API",
        multiple=True,
        help="May exchange the tokens meant for that API, as its --resource-server may.",
    )
    @click.option(
        "--claim",
        "claims",
        metavar="NAME=JSON",
        multiple=True,
        help="In every token it gets, say 'tier=\"gold\"'.",
    )
    @click.option(
        "--authorization-detail",
        "authorization_details",
        metavar="TYPE",
        multiple=True,
        help="May ask for details of that type, which one of its APIs has (RFC 9396).",
    )
    @functools.wraps(command)
    def with_requests(
        *args: object,
        grants: tuple[str, ...],
        exchanges: tuple[str, ...],
        claims: tuple[str, ...],
        authorization_details: tuple[str, ...],
        **given: object,
    ) -> object:
        try:
            requests = Requests(
                grants=grant_types(grants) if grants else None,
                exchanges=given_names(exchanges),
                claims=given_claims(claims),
                authorization_details=given_names(authorization_details),
            )
        except ManagementError as error:
            raise Failure(Outcome.USAGE, str(error)) from error
        return command(*args, requests=requests, **given)

    return with_requests


def given_claims(texts: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the claims; None where none were given, and no claims for the word none."""
    names = given_names(texts)
    return None if names is None else claims_of(names)


def given_names(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names; None where none were given, and no names for the word none."""
    if not names:
        return None
    return () if names == (_NONE,) else tuple(dict.fromkeys(names))
