"""tokenbooth audit: search the audit trail, verify it, take it elsewhere."""

import contextlib
import sys

import click
import msgspec

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.managing import managing
from tokenbooth.cli.moment_option import MOMENT, Moment
from tokenbooth.cli.output import Output
from tokenbooth.management.activity import audit as management
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.bootstrap import Booth

_COLUMNS = ["seq", "at", "type", "actor", "client_id", "subject", "reason", "source", "count"]


@click.group(cls=HelpfulGroup)
def audit() -> None:
    """Search, verify and export the audit trail: who did what, and when."""


def _list(
    text: bool,  # noqa: FBT001 - which of the two commands it is
) -> click.Command:
    @click.option("--since", type=MOMENT, help="24h, 7d or a time like 2026-11-22T09:00 (UTC).")
    @click.option("--until", type=MOMENT, help="The same.")
    @click.option("--type", "type_", metavar="TYPE", help="client_created, or a group: credential.")
    @click.option("--client", "client_id", metavar="ID", help="About this client.")
    @click.option("--issuer", metavar="NAME", help="At this issuer.")
    @click.option("--account", metavar="NAME", help="What members of this account may see.")
    @click.option("--actor", metavar="WHO", help="Done by: member:ann@example.com, service, …")
    @click.option("--request-id", metavar="ID", help="Done by this request.")
    @click.option("--limit", type=click.IntRange(1, management.MOST), default=50, show_default=True)
    @click.option("--before", type=click.IntRange(1), metavar="SEQ", help="Older than this one.")
    @managing
    async def command(
        booth: Booth,
        out: Output,
        *,
        since: Moment | None,
        until: Moment | None,
        type_: str | None,
        client_id: str | None,
        issuer: str | None,
        account: str | None,
        actor: str | None,
        request_id: str | None,
        limit: int,
        before: int | None,
        text: str | None = None,
    ) -> None:
        now = booth.clock.now()
        asked = EventFilter(
            account=account,
            issuer=issuer,
            client_id=client_id,
            type=type_,
            actor=actor,
            request_id=request_id,
            since=None if since is None else since.seconds(now),
            until=None if until is None else until.seconds(now),
            text=text,
        )
        found = await management.search_events(booth, asked, before=before, limit=limit)
        out.many(found, _COLUMNS, empty="Nothing of that kind has been recorded.")
        if len(found) == limit:
            out.talk(f"There may be more: add --before {found[-1].seq}")

    if text:
        command = click.argument("text", metavar="TEXT")(command)
        told = "Find entries with this text in their subject, reason, actor, source or client id."
        return click.command("search", help=told)(command)
    return click.command("list", help="List entries, the newest first.")(command)


audit.add_command(_list(text=False))
audit.add_command(_list(text=True))


@audit.command()
@click.argument("seq", type=click.IntRange(1))
@managing
async def show(booth: Booth, out: Output, *, seq: int) -> None:
    """Show one entry with all its details."""
    out.one(await management.show_event(booth, seq))


@audit.command()
@managing
async def head(booth: Booth, out: Output) -> None:
    """Print the number and hash of the newest entry, to be noted outside the database."""
    found = await management.trail_head(booth)
    if out.as_json:
        out.one(found)
    else:
        click.echo(f"{found.seq}:{found.hash}")


@audit.command()
@click.option("--from", "noted", metavar="SEQ:HASH", help="A head that was noted before.")
@managing
async def verify(booth: Booth, out: Output, *, noted: str | None) -> None:
    """Prove that no entry was changed, put in, taken out or moved.

    Prints the head. Note it elsewhere: only with --from and a noted head it shows when entries
    were cut off at the end. The service logs its head, too, as audit_head.
    """
    done = await management.verify_trail(
        booth,
        noted=None if noted is None else management.read_head(noted),
        progress=lambda seq, last: out.talk(f"{seq} of {last}"),
    )
    if done.broken_at is not None:
        good = f" It is good up to entry {done.head.seq}." if done.head.seq else ""
        raise Failure(
            Outcome.FAILED, f"The trail is broken: entry {done.broken_at} {done.mistake}.{good}"
        )
    out.talk(f"The trail is whole: {done.entries} entries. Note its head outside the database:")
    if out.as_json:
        out.one({"is_whole": True, "entries": done.entries, "head": done.head})
    else:
        click.echo(f"{done.head.seq}:{done.head.hash}")


@audit.command()
@click.option("--since", type=MOMENT, help="24h, 7d or a time like 2026-11-22T09:00 (UTC).")
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Behind this one.")
@managing
async def export(booth: Booth, out: Output, *, since: Moment | None, after: int) -> None:
    """Write the trail to stdout as JSON lines, the oldest first, with or without --json."""
    begin = None if since is None else since.seconds(booth.clock.now())
    written = 0
    async with contextlib.aclosing(
        management.export_events(booth, since=begin, after=after)
    ) as events:
        async for event in events:
            sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
            written += 1
    out.talk(f"{written} entries.")
