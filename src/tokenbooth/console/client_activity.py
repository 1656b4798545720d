"""How one client was used lately: counts for a picture, refusals in words, and its story."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.console.visit import Visit
from tokenbooth.management.activity.audit import EventView, search_events
from tokenbooth.management.activity.explain import RefusalView, list_refusals
from tokenbooth.management.activity.usage import DAY, show_usage
from tokenbooth.management.clients.clients import ClientView
from tokenbooth.server.audit_records import EventFilter

_DAYS = 14
_REFUSALS = 5
_EVENTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the client's page shows of it."""

    chart: Mapping[str, Any]  # for the macro `picture`
    is_quiet: bool  # nothing came at all
    refusals: tuple[RefusalView, ...]
    events: tuple[EventView, ...]


async def activity_of(visit: Visit, client: ClientView) -> Activity:
    """Return it; raises NotAllowed, but every role may read it."""
    booth, issuer, client_id = visit.booth, client.issuer, client.client_id
    usage = await show_usage(
        booth, last=_DAYS * DAY, step="day", issuer=issuer, client_id=client_id
    )
    asked = EventFilter(issuer=issuer, client_id=client_id)
    return Activity(
        chart={
            "label": "A day",
            "x": [int(each.begins_at.timestamp()) for each in usage.spans],
            "series": [
                {"label": "Tokens", "values": [each.issued for each in usage.spans]},
                {"label": "Refusals", "values": [each.refused for each in usage.spans]},
            ],
        },
        is_quiet=not usage.issued and not usage.refused,
        refusals=await list_refusals(booth, issuer=issuer, client_id=client_id, limit=_REFUSALS),
        events=await search_events(booth, asked, limit=_EVENTS),
    )
