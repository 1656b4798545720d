"""tokenbooth clients preview: what a token would say, without getting one."""

import click

from tokenbooth.cli.managing import issuer_option, managing
from tokenbooth.cli.output import Output
from tokenbooth.management.tokens.token_preview import preview_token
from tokenbooth.server.bootstrap import Booth


@click.command()
@click.argument("client_id", metavar="ID")
@click.option("--api", metavar="NAME", help="To call this API.  [default: the client's first]")
@issuer_option
@managing
async def preview(
    booth: Booth, out: Output, *, client_id: str, api: str | None, issuer: str | None
) -> None:
    """Show what a token for a client would say, and what stands in its way; issues none."""
    found = await preview_token(booth, client_id, issuer=issuer, api=api)
    if out.as_json:
        out.one(found)
        return
    if found.words is not None:
        words = found.words
        out.one(
            {
                "who": words.who,
                "api": [str(each) for each in words.audiences],
                "scopes": [str(each) for each in words.scopes],
                "until": words.until,
                "bound_to": words.binding,
                "issuer": words.issuer,
                "key": words.key,
                "format": found.token_format,
                "refresh_token": found.has_refresh_token,
                **{each.name: each.description for each in words.others},
            }
        )
    for text in found.obstacles:
        out.talk(f"It would be refused now: {text}")
    for text in found.notes:
        out.talk(text)
