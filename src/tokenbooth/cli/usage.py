"""tokenbooth usage: what clients ask for and what they are refused."""

from collections.abc import Sequence

import click

from tokenbooth.cli.durations import DURATION
from tokenbooth.cli.managing import managing
from tokenbooth.cli.output import Output
from tokenbooth.management.activity import usage as management
from tokenbooth.management.activity.usage import Step, UsageView
from tokenbooth.server.bootstrap import Booth

_WIDTH = 40
_BLOCKS = "▏▎▍▌▋▊▉█"


@click.command()
@click.option("--last", type=DURATION, default="7d", show_default=True, help="48h, 30d, …")
@click.option("--step", type=click.Choice(["hour", "day"]), help="[default: hour up to 48h]")
@click.option("--client", "client_id", metavar="ID", help="Of this client alone.")
@click.option("--issuer", metavar="NAME", help="At this issuer alone.")
@click.option("--account", metavar="NAME", help="Of this account's clients alone.")
@click.option("--top", type=click.IntRange(1, 500), default=management.TOP, show_default=True)
@managing
async def usage(
    booth: Booth,
    out: Output,
    *,
    last: int,
    step: Step | None,
    client_id: str | None,
    issuer: str | None,
    account: str | None,
    top: int,
) -> None:
    """Show how many tokens were issued, what was refused and why, and who asks most."""
    found = await management.show_usage(
        booth,
        last=last,
        step=step,
        issuer=issuer,
        client_id=client_id,
        account=account,
        top=top,
    )
    if out.as_json:
        out.one(found)
        return
    _show(found)


def _show(found: UsageView) -> None:
    click.echo(f"{found.issued} tokens issued, {found.refused} requests refused")
    form = "%Y-%m-%d %H:%MZ" if found.step == "hour" else "%Y-%m-%d"
    _bars(
        f"by {found.step}",
        [(each.begins_at.strftime(form), each.issued, each.refused) for each in found.spans],
    )
    _bars(
        "by client",
        [
            (f"{each.client_id or '(no such client)'} @ {each.issuer}", each.issued, each.refused)
            for each in found.clients
        ],
    )
    if found.refusals:
        click.echo("\nREFUSED BECAUSE")
        width = max(len(each.reason) for each in found.refusals)
        for each in found.refusals:
            click.echo(f"  {each.count:>9}  {each.reason:<{width}}  {each.text}".rstrip())


def _bars(title: str, rows: Sequence[tuple[str, int, int]]) -> None:
    if not rows:
        return
    most = max(issued + refused for _, issued, refused in rows)
    width = max(len(title), *(len(name) for name, _, _ in rows))
    click.echo(f"\n{title.upper():<{width}}     ISSUED    REFUSED")
    for name, issued, refused in rows:
        line = f"{name:<{width}}  {issued:>9}  {refused:>9}  {_bar(issued + refused, most)}"
        click.echo(line.rstrip())


def _bar(count: int, most: int) -> str:
    eighths = -(-count * _WIDTH * 8 // most) if most else 0
    whole, rest = divmod(eighths, 8)
    return _BLOCKS[-1] * whole + (_BLOCKS[rest - 1] if rest else "")
