"""tokenbooth import: take over the clients of another system."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.imports import auth0, auth0_files, hydra, keycloak, loose
from tokenbooth.management.imports.found import Found
from tokenbooth.management.imports.importing import OUTCOMES, Import, do_import, prepare_import
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER

_issuer_option = click.option(
    "--issuer",
    metavar="NAME",
    default=DEFAULT_ISSUER,
    show_default=True,
    help="Where the clients go.",
)
_dry_run_option = click.option("--dry-run", is_flag=True, help="Report, and change nothing.")
_audience_option = click.option(
    "--audience",
    metavar="URI",
    help="Of the API for clients whose tokens have no audience.  [default: made up]",
)

T = TypeVar("T")


@click.group(cls=HelpfulGroup)
def imports() -> None:
    """Take over the clients of another system, with their ids and secrets.

    An import adds and takes nothing away; repeated, it changes nothing.
    """


@imports.command("keycloak")
@click.argument("file")
@_issuer_option
@_audience_option
@_dry_run_option
@managing
async def keycloak_(
    booth: Booth, out: Output, *, file: str, issuer: str, audience: str | None, dry_run: bool
) -> None:
    """Take over the clients of a realm that Keycloak exported (kc.sh export, or kcadm get clients).

    An export from the console masks the secrets: these clients need new ones.
    """
    data = _read(file, lambda path: path.read_bytes())
    found = keycloak.read(data, audience=audience)
    await _import(booth, out, found, issuer=issuer, file=file, data=data, dry_run=dry_run)


@imports.command("hydra")
@click.argument("file")
@_issuer_option
@_audience_option
@_dry_run_option
@managing
async def hydra_(
    booth: Booth, out: Output, *, file: str, issuer: str, audience: str | None, dry_run: bool
) -> None:
    """Take over the clients of Ory Hydra: a dump of the table hydra_client, or its list as JSON.

    Only a dump has the hashes of the secrets. With these your clients keep them.
    """
    data = _read(file, lambda path: path.read_bytes())
    found = hydra.read(data, audience=audience)
    await _import(booth, out, found, issuer=issuer, file=file, data=data, dry_run=dry_run)


@imports.command("auth0")
@click.argument("file", metavar="FILE|FOLDER")
@click.option(
    "--keywords",
    metavar="FILE",
    help="The Deploy CLI's config.json, whose mappings fill ##MARKERS## and @@MARKERS@@.",
)
@_issuer_option
@_dry_run_option
@managing
async def auth0_(
    booth: Booth, out: Output, *, file: str, keywords: str | None, issuer: str, dry_run: bool
) -> None:
    """Take over the machine-to-machine clients of Auth0, as its Deploy CLI exports them.

    Export with AUTH0_EXPORT_IDENTIFIERS=true, and AUTH0_EXPORT_SECRETS=true to keep the secrets.
    """
    filled = {} if keywords is None else _read(keywords, auth0_files.keywords_at)
    tenant = _read(file, lambda path: auth0_files.tenant_at(path, filled))
    # In ASCII: whatever a text holds, it has a digest.
    data = json.dumps([tenant.clients, tenant.apis, tenant.grants], default=str).encode()
    found = auth0.read(tenant)
    await _import(booth, out, found, issuer=issuer, file=file, data=data, dry_run=dry_run)


def _read(name: str, read: Callable[[Path], T]) -> T:
    path = Path(name)
    try:
        if path.is_file() and path.stat().st_size > loose.MAX_BYTES:
            raise Failure(Outcome.USAGE, f"{name} is longer than {loose.MAX_BYTES >> 20} MB.")
        return read(path)
    except OSError as error:
        raise Failure(Outcome.USAGE, f"Cannot read {name}: {error.strerror}.") from error


async def _import(
    booth: Booth,
    out: Output,
    found: Found,
    *,
    issuer: str,
    file: str,
    data: bytes,
    dry_run: bool,
) -> None:
    prepared = await prepare_import(booth, found, issuer=issuer)
    if not dry_run:
        digest = hashlib.sha256(data).hexdigest()
        await do_import(booth, prepared, name=Path(file).name, digest=digest)
    if out.as_json:
        counts: dict[str, object] = {each: prepared.count(each) for each in OUTCOMES}
        out.one(
            {
                "system": prepared.system,
                "issuer": prepared.issuer,
                "dry_run": dry_run,
                **counts,
                "needs_secret": [each.client_id for each in prepared.clients if each.needs],
                "apis": prepared.apis,
                "clients": prepared.clients,
            }
        )
    else:
        _write(prepared, is_dry=dry_run)


def _write(prepared: Import, *, is_dry: bool) -> None:
    """Write the report for people: a line each, and below it what they have to know."""
    width = max((len(each.client_id) for each in prepared.clients), default=0)
    for each in prepared.clients:
        click.echo(f"{each.outcome:<9}  {each.client_id:<{width}}  {each.reason}".rstrip())
        if each.needs:
            click.echo(f"           needs a new secret or key: {each.needs}")
        for lost in each.lost:
            click.echo(f"           not carried over: {lost}")
    counts = ", ".join(f"{prepared.count(each)} {each}" for each in OUTCOMES)
    click.echo(f"{'Would be: ' if is_dry else ''}{counts}.")
    needy = sum(bool(each.needs) for each in prepared.clients)
    if needy:
        click.echo(f"{needy} need a new secret or key: tokenbooth credentials add CLIENT_ID")
