"""Options for changing what is said about a client."""

import functools
from collections.abc import Callable
from typing import Any

import click

from tokenbooth.cli.durations import DURATION
from tokenbooth.cli.request_options import given_names
from tokenbooth.management.clients.client_changes import ClientChanges
from tokenbooth.management.clients.proofs import AUTH_METHODS

_ISSUERS = "issuer"  # in place of a value: as the issuer has it


class _DurationOrIssuers(click.ParamType[int | str]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        return _ISSUERS if value == _ISSUERS else DURATION.convert(value, param, ctx)


def change_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `changes` what they say."""

    @click.option("--name", help="For people.")
    @click.option("--description", help="For people: what it is for, where it runs.")
    @click.option("--account", metavar="NAME", help="The customer that owns it, or none.")
    @click.option(
        "--auth-method",
        "auth_methods",
        type=click.Choice(AUTH_METHODS),
        multiple=True,
        help="How it authenticates, exactly these.",
    )
    @click.option(
        "--resource-server",
        "resource_server_for",
        metavar="API",
        multiple=True,
        help="May introspect the tokens meant for that API, exactly these, or none.",
    )
    @click.option("--token-format", type=click.Choice(["jwt", "opaque", _ISSUERS]))
    @click.option(
        "--token-lifetime", type=_DurationOrIssuers(), help="Like 60m; issuer: as the issuer's."
    )
    @click.option("--refresh-tokens", type=click.Choice(["yes", "no", _ISSUERS]))
    @click.option(
        "--certificate-bound",
        type=click.Choice(["yes", "no", "auto"]),
        help="Whether its tokens work with its TLS certificate alone; "
        "auto: if it authenticates by certificate.",
    )
    @click.option("--dpop-bound/--no-dpop-bound", default=None, help="Tokens with a proof alone.")
    @click.option("--dpop-nonce/--no-dpop-nonce", default=None, help="Proofs with our nonce alone.")
    @functools.wraps(command)
    def with_changes(
        *args: object,
        name: str | None,
        description: str | None,
        account: str | None,
        auth_methods: tuple[str, ...],
        resource_server_for: tuple[str, ...],
        token_format: str | None,
        token_lifetime: int | str | None,
        refresh_tokens: str | None,
        certificate_bound: str | None,
        dpop_bound: bool | None,
        dpop_nonce: bool | None,
        **given: object,
    ) -> object:
        said: dict[str, Any] = {
            "name": name,
            "description": description,
            "auth_methods": auth_methods or None,
            "resource_server_for": given_names(resource_server_for),
            "dpop_bound": dpop_bound,
            "dpop_nonce": dpop_nonce,
        }
        said = {each: value for each, value in said.items() if value is not None}
        if account is not None:
            said["account"] = None if account == "none" else account
        if token_format is not None:
            said["token_format"] = None if token_format == _ISSUERS else token_format
        if token_lifetime is not None:
            said["token_lifetime"] = None if token_lifetime == _ISSUERS else token_lifetime
        if refresh_tokens is not None:
            said["refresh_tokens"] = _switch(refresh_tokens)
        if certificate_bound is not None:
            said["certificate_bound"] = _switch(certificate_bound)
        return command(*args, changes=ClientChanges(**said), **given)

    return with_changes


def _switch(text: str) -> bool | None:
    return {"yes": True, "no": False}.get(text)
