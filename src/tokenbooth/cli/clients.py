"""tokenbooth clients: register, show, disable and delete machines."""

import sys

import click

from tokenbooth.cli.change_options import change_options
from tokenbooth.cli.durations import DURATION
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.instructions import instructions
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.limits import limit_options
from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output, as_mapping
from tokenbooth.cli.preview import preview
from tokenbooth.cli.proofs import proof_options
from tokenbooth.cli.request_options import Requests, request_options
from tokenbooth.management.clients import access
from tokenbooth.management.clients import clients as management
from tokenbooth.management.clients.client_changes import NO_CHANGES, ClientChanges, change_client
from tokenbooth.management.clients.limits import NO_LIMITS, Limits
from tokenbooth.management.clients.proofs import AUTH_METHODS, NewProof
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, ClientPolicy, TokenFormat


@click.group(cls=HelpfulGroup)
def clients() -> None:
    """Register and manage clients: the machines that call APIs."""


clients.add_command(instructions)
clients.add_command(preview)


@clients.command()
@click.option("--id", "client_id", metavar="ID", help="Chosen by you; made up otherwise.")
@click.option(
    "--api", "apis", metavar="NAME", multiple=True, help="May call it. The first is the default."
)
@click.option("--scope", help="What it may ask for at most.  [default: all scopes of its APIs]")
@click.option("--name", default="", help="For people.")
@click.option("--description", default="", help="For people: what it is for, where it runs.")
@click.option(
    "--issuer",
    metavar="NAME",
    default=DEFAULT_ISSUER,
    show_default=True,
    help="Where it registers.",
)
@click.option("--account", metavar="NAME", help="The customer that owns it.")
@click.option(
    "--auth-method",
    "auth_methods",
    type=click.Choice(AUTH_METHODS),
    multiple=True,
    help="How it authenticates.  [default: with what it is given]",
)
@proof_options
@click.option(
    "--resource-server",
    "resource_server_for",
    metavar="API",
    multiple=True,
    help="May introspect the tokens meant for that API.",
)
@click.option("--token-format", type=click.Choice(["jwt", "opaque"]), help="Unlike the issuer's.")
@click.option("--token-lifetime", type=DURATION, help="Unlike the issuer's.")
@click.option(
    "--refresh-tokens/--no-refresh-tokens", default=None, help="Unlike the issuer's habit."
)
@click.option(
    "--certificate-bound/--no-certificate-bound",
    default=None,
    help="Whether its tokens work over connections with its TLS certificate alone.  "
    "[default: if it authenticates by certificate]",
)
@click.option(
    "--dpop-bound",
    is_flag=True,
    help="Give it tokens bound to a key of its own alone, and so only with a DPoP proof.",
)
@click.option(
    "--dpop-nonce", is_flag=True, help="Have its DPoP proofs hold a nonce of the service's."
)
@request_options
@limit_options
@click.option("--label", default="", help="For the first secret.")
@managing
async def create(
    booth: Booth,
    out: Output,
    *,
    client_id: str | None,
    apis: tuple[str, ...],
    scope: str | None,
    name: str,
    description: str,
    issuer: str,
    account: str | None,
    auth_methods: tuple[str, ...],
    proofs: tuple[NewProof, ...],
    resource_server_for: tuple[str, ...],
    token_format: TokenFormat | None,
    token_lifetime: int | None,
    refresh_tokens: bool | None,
    certificate_bound: bool | None,
    dpop_bound: bool,
    dpop_nonce: bool,
    requests: Requests,
    limits: Limits,
    label: str,
) -> None:
    """Register a client; it gets a secret, shown this one time, unless it has a key."""
    created = await management.create_client(
        booth,
        apis=apis,
        scope=scope,
        client_id=client_id,
        name=name,
        issuer=issuer,
        account=account,
        resource_server_for=resource_server_for,
        auth_methods=auth_methods or None,
        proofs=proofs,
        token_format=token_format,
        token_lifetime=token_lifetime,
        refresh_tokens=refresh_tokens,
        grants=requests.grants_or_usual,
        policy=limits.added_to(
            requests.added_to(
                ClientPolicy(
                    certificate_bound=certificate_bound,
                    dpop_bound=dpop_bound,
                    dpop_nonce=dpop_nonce,
                    description=description,
                )
            )
        ),
        label=label,
    )
    client = as_mapping(created.client)
    out.one(
        {
            "client_id": created.client.client_id,
            **({"client_secret": created.secret.client_secret} if created.secret else {}),
            "credential_id": created.client.credentials[0].id,
            "issuer": created.client.issuer,
            "issuer_url": created.issuer_url,
            "token_endpoint": created.token_endpoint,
            **{
                field: client[field]
                for field in ("name", "account", "access", "resource_server_for", "auth_methods")
            },
        }
    )
    if created.secret is not None:
        out.talk("Keep the client_secret now: it is shown this once and cannot be had again.")
    if created.is_assumed_address:
        out.talk(
            f"The addresses assume that the service is at {created.issuer_url}; "
            "if it is elsewhere, set TOKENBOOTH_ISSUER_URL."
        )


@clients.command("list")
@click.option("--issuer", metavar="NAME", help="Only this issuer's.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="At most so many."
)
@managing
async def list_(
    booth: Booth, out: Output, *, issuer: str | None, account: str | None, limit: int
) -> None:
    """List clients."""
    found = await management.list_clients(booth, issuer=issuer, account=account, limit=limit + 1)
    out.many(
        found[:limit],
        ["issuer", "client_id", "name", "account", "enabled", "access", "created_at"],
        empty="There are no clients. Register one with: tokenbooth clients create",
    )
    if len(found) > limit:
        out.talk(f"There are more than {limit}: narrow the list, or raise --limit.")


@clients.command()
@click.argument("client_id", metavar="ID")
@issuer_option
@managing
async def show(booth: Booth, out: Output, *, client_id: str, issuer: str | None) -> None:
    """Show one client and its credentials."""
    out.one(await management.show_client(booth, client_id, issuer=issuer))


@clients.command()
@click.argument("client_id", metavar="ID")
@click.option("--api", metavar="NAME", required=True, help="Which API.")
@click.option("--scope", help="Exactly this.  [default: all scopes of the API]")
@issuer_option
@managing
async def grant(
    booth: Booth, out: Output, *, client_id: str, api: str, scope: str | None, issuer: str | None
) -> None:
    """Let a client have a scope of an API, in place of what it had of it."""
    out.one(await access.grant(booth, client_id, api=api, scope=scope, issuer=issuer))


@clients.command()
@click.argument("client_id", metavar="ID")
@click.option("--api", metavar="NAME", required=True, help="Which API.")
@issuer_option
@managing
async def withdraw(
    booth: Booth, out: Output, *, client_id: str, api: str, issuer: str | None
) -> None:
    """Take all access to an API away from a client."""
    out.one(await access.withdraw(booth, client_id, api=api, issuer=issuer))


@clients.command("set")
@click.argument("client_id", metavar="ID")
@change_options
@request_options
@limit_options
@issuer_option
@managing
async def set_(
    booth: Booth,
    out: Output,
    *,
    client_id: str,
    changes: ClientChanges,
    requests: Requests,
    limits: Limits,
    issuer: str | None,
) -> None:
    """Change what is said about a client, all at once; what is not given stays.

    The word none in place of names, claims, a quota, networks, an account or what is unlike the
    issuer's takes them away.
    """
    changes = requests.added_to_changes(changes)
    if changes == NO_CHANGES and limits == NO_LIMITS:
        raise Failure(Outcome.USAGE, "Say what to change; see: tokenbooth clients set --help")
    out.one(await change_client(booth, client_id, changes, limits=limits, issuer=issuer))


@clients.command()
@click.argument("client_id", metavar="ID")
@issuer_option
@managing
async def disable(booth: Booth, out: Output, *, client_id: str, issuer: str | None) -> None:
    """Refuse a client from now on, and end its tokens for good.

    They no longer pass introspection, nor an API whose guard follows the revocation feed; an API
    that checks JWTs by itself alone accepts them until they expire.
    """
    changed = await management.set_enabled(booth, client_id, enabled=False, issuer=issuer)
    out.talk(f"Disabled {changed.client_id!r}: it gets no more tokens, and those it has end.")
    if out.as_json:
        out.one(changed)


@clients.command()
@click.argument("client_id", metavar="ID")
@issuer_option
@managing
async def enable(booth: Booth, out: Output, *, client_id: str, issuer: str | None) -> None:
    """Let a disabled client authenticate again."""
    changed = await management.set_enabled(booth, client_id, enabled=True, issuer=issuer)
    out.talk(f"Enabled {changed.client_id!r}.")
    if out.as_json:
        out.one(changed)


@clients.command()
@click.argument("client_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Ask nothing, though the client is enabled.")
@issuer_option
@managing
async def delete(
    booth: Booth, out: Output, *, client_id: str, yes: bool, issuer: str | None
) -> None:
    """Delete a client with all its credentials, and end its tokens.

    On a terminal it asks first about a client that is enabled: disable it, and see who misses it.
    """
    if not yes and sys.stdin.isatty():
        client = await management.show_client(booth, client_id, issuer=issuer)
        if client.enabled:
            text = f"The client {client_id!r} is enabled and may be in use. Delete it all the same?"
            click.confirm(text, abort=True, err=True)
    deleted = await management.delete_client(booth, client_id, issuer=issuer, force=True)
    out.talk(f"Deleted {deleted.client_id!r} with its {len(deleted.credentials)} credential(s).")
    if out.as_json:
        out.one(deleted)


@clients.command("revoke-tokens")
@click.argument("client_id", metavar="ID")
@issuer_option
@managing
async def revoke_tokens(booth: Booth, out: Output, *, client_id: str, issuer: str | None) -> None:
    """End every token that a client got so far; it may go on getting new ones.

    To end those of one leaked secret alone, see: credentials revoke-tokens
    """
    client = await management.revoke_tokens(booth, client_id, issuer=issuer)
    out.talk(f"The tokens that {client.client_id!r} got until now are revoked.")
    if out.as_json:
        out.one(client)
