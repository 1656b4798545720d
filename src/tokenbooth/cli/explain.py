"""tokenbooth explain: why a request was refused, or what an error code means."""

import click

from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.activity import explain as management
from tokenbooth.management.activity.audit import search_events
from tokenbooth.management.errors import Missing
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.bootstrap import Booth


@click.command()
@click.argument("what", metavar="REQUEST_ID|CODE")
@managing
async def explain(booth: Booth, out: Output, *, what: str) -> None:
    """Say why a request was refused, and what to do about it.

    REQUEST_ID is the X-Request-Id of the answer; refusals appear within seconds. Instead of it,
    an error code or a reason from the log, like invalid_client or wrong_secret, is explained.
    """
    if not management.is_request_id(what):
        out.one(management.explain_reason(what))
        return
    try:
        explained = await management.explain_refusal(booth, what)
    except Missing:
        changes = await search_events(booth, EventFilter(request_id=what))
        if not changes:
            raise
        out.talk("This request was not refused. It did:")
        out.many(changes, ["seq", "at", "type", "actor", "client_id", "subject"], empty="")
        return
    if out.as_json:
        out.one(explained)
        return
    out.one(explained.refusal)
    for hint in explained.hints:
        click.echo(f"* {hint}")
