"""Why a request was refused, in words; and which ones were of late."""

import re

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.activity.explain import (
    Explanation,
    ReasonView,
    explain_reason,
    explain_refusal,
    is_request_id,
    list_refusals,
)
from tokenbooth.management.errors import BadInput, ManagementError

_PAGE = 30
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


async def show(visit: Visit) -> Response:
    """Explain the request or the error code that is asked for, and list the latest refusals."""
    asked = visit.query.get("id", "").strip()
    explanation: Explanation | None = None
    reason: ReasonView | None = None
    mistake: ManagementError | None = None
    try:
        if is_request_id(asked.lower()):
            explanation = await explain_refusal(visit.booth, asked.lower())
        elif asked:
            reason = explain_reason(asked)
        before = _place(visit.query.get("before"))
    except ManagementError as error:
        mistake, before = error, None
    refusals = await list_refusals(
        visit.booth,
        issuer=visit.query.get("issuer") or None,
        client_id=visit.query.get("client") or None,
        before=before,
        limit=_PAGE + 1,
    )
    shown = refusals[:_PAGE]
    return visit.render(
        "audit/refusals.html",
        status=status_of(mistake),
        asked=asked,
        mistake=mistake,
        explanation=explanation,
        reason=reason,
        refusals=shown,
        is_first=before is None,
        next_before=f"{shown[-1].at.timestamp()} {shown[-1].request_id}"
        if len(refusals) > _PAGE
        else None,
    )


def _place(typed: str | None) -> tuple[float, str] | None:
    """Read where a page of the list begins; raises BadInput."""
    if typed is None:
        return None
    seconds, _, request_id = typed.partition(" ")
    if not _SECONDS.fullmatch(seconds) or not is_request_id(request_id):
        raise BadInput("The page asked for is none: begin with the latest refusals.")
    return float(seconds), request_id


PAGES = (Page(path="/audit/refusals", show=show, right="audit:read"),)
