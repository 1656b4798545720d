"""Usage as pictures: tokens of the busiest clients over time, and refusals over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.management.activity.usage import DAY, ClientCount, RefusalCount, Span, show_usage
from tokenbooth.management.errors import Missing
from tokenbooth.server.bootstrap import Booth

_DAYS = 7
_BUSIEST = 5
_COUNTED = 1000  # clients; more active ones are "more than that"

Chart = Mapping[str, Any]  # for the macro `picture`


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The last 24 hours in four numbers."""

    issued: int
    refused: int
    active_clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The last seven days."""

    tokens: Chart | None  # None: there were none
    refused: Chart | None
    refusals: tuple[RefusalCount, ...]  # by reason, the most frequent first


async def last_day(booth: Booth) -> Numbers:
    """Return the numbers of the last 24 hours."""
    usage = await show_usage(booth, last=DAY, top=_COUNTED)
    active = [each for each in usage.clients if each.client_id and each.issued]
    return Numbers(issued=usage.issued, refused=usage.refused, active_clients=len(active))


async def last_week(booth: Booth) -> Pictures:
    """Return the pictures of the last seven days, hour by hour."""
    usage = await show_usage(booth, last=_DAYS * DAY, step="hour", top=_BUSIEST)
    refused = _chart(usage.spans, {"Refusals": [span.refused for span in usage.spans]})
    return Pictures(
        tokens=await _tokens(booth, usage.spans, usage.clients) if usage.issued else None,
        refused=refused if usage.refused else None,
        refusals=usage.refusals,
    )


async def _tokens(booth: Booth, spans: tuple[Span, ...], busiest: tuple[ClientCount, ...]) -> Chart:
    others = [span.issued for span in spans]
    series: dict[str, list[int]] = {}
    several = len({client.issuer for client in busiest}) > 1
    for client in busiest:
        if not client.client_id or not client.issued:
            continue
        try:
            own = await show_usage(
                booth,
                last=_DAYS * DAY,
                step="hour",
                issuer=client.issuer,
                client_id=client.client_id,
            )
        except Missing:  # it was deleted: what it got counts among the others
            continue
        values = [span.issued for span in own.spans]
        name = f"{client.client_id} at {client.issuer}" if several else client.client_id
        series[name] = values
        # Never below nothing: what came between the two questions is in one of them alone.
        others = [max(0, all_ - one) for all_, one in zip(others, values, strict=False)]
    if any(others):
        series["Others"] = others
    return _chart(spans, series)


def _chart(spans: tuple[Span, ...], series: Mapping[str, list[int]]) -> Chart:
    return {
        "label": "An hour",
        "x": [int(span.begins_at.timestamp()) for span in spans],
        "series": [
            {"label": name, "values": values[: len(spans)]} for name, values in series.items()
        ],
    }
