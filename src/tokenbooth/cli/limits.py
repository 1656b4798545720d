"""Options for how many tokens a client may get, and from where."""

import functools
from collections.abc import Callable

import click

from tokenbooth.management.clients.limits import Limits


def limit_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `limits` what they say."""

    @click.option("--quota", metavar="N/h", help="At most so many tokens an hour, like 200/h.")
    @click.option(
        "--quota-observe/--quota-enforce",
        default=None,
        help="Only log what the quota would refuse.",
    )
    @click.option(
        "--network",
        "networks",
        metavar="CIDR",
        multiple=True,
        help="May call from there alone, like 192.0.2.0/24.  [default: from anywhere]",
    )
    @click.option(
        "--networks-observe/--networks-enforce",
        default=None,
        help="Only log what the networks would refuse.",
    )
    @functools.wraps(command)
    def with_limits(
        *args: object,
        quota: str | None,
        quota_observe: bool | None,
        networks: tuple[str, ...],
        networks_observe: bool | None,
        **given: object,
    ) -> object:
        limits = Limits(
            quota=quota,
            quota_observe=quota_observe,
            networks=networks or None,
            networks_observe=networks_observe,
        )
        return command(*args, limits=limits, **given)

    return with_limits
