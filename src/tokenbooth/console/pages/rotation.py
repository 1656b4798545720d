"""Replace a client's secret without an outage, and finish or take back what was begun."""

from collections.abc import Sequence

from starlette.responses import Response

from tokenbooth.console.client_pages import PATH, find, here, span_of, title_of
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.new_secret import show_secret
from tokenbooth.console.once import claim_once, new_once
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients import rotation
from tokenbooth.management.clients.credentials import CredentialView
from tokenbooth.management.errors import ManagementError


async def ask(visit: Visit) -> Response:
    """Ask for how long both secrets work."""
    return await _form(visit)


async def start(visit: Visit) -> Response:
    """Make the new secret, and let the older ones end with the overlap."""
    try:
        await claim_once(visit)
        begun = await rotation.rotate_secret(
            visit.booth,
            visit.given["client_id"],
            issuer=visit.given["issuer"],
            overlap=span_of(visit.form, "overlap", "The overlap"),
            label=visit.form.text("label"),
        )
    except ManagementError as error:
        return await _form(visit, error)
    return await show_secret(
        visit, begun.new, title="The new secret", notes=_notes(visit, begun.ending)
    )


def _notes(visit: Visit, ending: Sequence[CredentialView]) -> tuple[str, ...]:
    """Return what becomes of the old secrets."""
    if not ending:
        return ()
    if all(each.status == "expired" for each in ending):
        return ("The old secret has ended: whoever still uses it is refused from now on.",)
    ends = visit.templates.moment(max(each.expires_at for each in ending if each.expires_at))
    return (f"The old secret works until {ends}. Give the new one to every host by then.",)


async def _form(visit: Visit, error: ManagementError | None = None) -> Response:
    client = await find(visit)
    form = visit.form
    return visit.render(
        "clients/rotate.html",
        status=200 if error is None else status_of(error),
        client=client,
        title=title_of(client),
        base=here(visit),
        overlap=form.text("overlap", "24"),
        overlap_unit=form.text("overlap_unit", "hours"),
        label=form.text("label"),
        once=new_once(),
        mistake=str(error or ""),
    )


async def finish(visit: Visit) -> Response:
    """Remove the old secrets now."""
    await rotation.finish_rotation(
        visit.booth,
        visit.given["client_id"],
        issuer=visit.given["issuer"],
        force=visit.form.flag("force"),
    )
    return visit.redirect(here(visit), notice="The rotation is finished: the old secret is gone.")


async def cancel(visit: Visit) -> Response:
    """Remove the new secret; the old ones live on as they were to."""
    await rotation.cancel_rotation(
        visit.booth,
        visit.given["client_id"],
        issuer=visit.given["issuer"],
        force=visit.form.flag("force"),
    )
    return visit.redirect(here(visit), notice="The rotation is cancelled: the old secret stays.")


PAGES = (
    Page(path=f"{PATH}/rotate", show=ask, act=start, right="credentials:write"),
    Page(path=f"{PATH}/rotation/finish", act=finish, right="credentials:write"),
    Page(path=f"{PATH}/rotation/cancel", act=cancel, right="credentials:write"),
)
