"""Keys: which sign and seal tokens, since when and for how long; rotating and removing them."""

from dataclasses import dataclass

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, Conflict, ManagementError, Missing
from tokenbooth.management.service import keys
from tokenbooth.management.service.issuers import show_issuer
from tokenbooth.management.service.keys import KeyView
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS

_MINUTE = 60
_HOUR = 3600
# In how many seconds a new key is used: None is the schedule's.
_LEADS = {
    "schedule": ("As the schedule says", None),
    "hour": ("In an hour", _HOUR),
    "day": ("In a day", 24 * _HOUR),
    "now": ("Now: verifiers that cached the key set fail until they fetch it again", 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The keys of one issuer."""

    issuer: str
    signing: tuple[KeyView, ...]
    sealing: tuple[KeyView, ...]


async def show_all(visit: Visit) -> Response:
    """Show the keys of every issuer."""
    found = await keys.list_keys(visit.booth)
    names = sorted({key.issuer for key in found})
    return visit.render("keys/list.html", rings=[_ring(name, found) for name in names])


async def show(visit: Visit) -> Response:
    """Show one issuer's keys and what they go by."""
    return await _show(visit, None)


async def rotate(visit: Visit) -> Response:
    """Make another key."""
    issuer = visit.given["issuer"]
    typed = visit.form.text("when", "schedule")
    purpose = visit.form.text("purpose", "sign")
    try:
        if typed not in _LEADS or purpose not in ("sign", "seal"):
            raise BadInput("Say when the new key is to be used, and what for.")
        alg = visit.form.optional("alg") if purpose == "sign" else None
        made = await keys.rotate_key(
            visit.booth,
            issuer=issuer,
            sealing=purpose == "seal",
            alg=alg,
            lead=_LEADS[typed][1],
        )
    except ManagementError as error:
        return await _show(visit, error)
    soon = visit.templates.moment(made.activates_at)
    notice = f"The key {made.kid} is published. It is used from {soon} on."
    return visit.redirect(f"/keys/{issuer}", notice=notice)


async def schedule(visit: Visit) -> Response:
    """Set how long keys are used and how far ahead they are published."""
    issuer = visit.given["issuer"]
    try:
        await keys.schedule_keys(
            visit.booth,
            issuer=issuer,
            lifetime_days=_whole("days", visit.form.text("lifetime_days")),
            publish_ahead=_whole("minutes", visit.form.text("publish_ahead")) * _MINUTE,
        )
    except ManagementError as error:
        return await _show(visit, error)
    return visit.redirect(f"/keys/{issuer}", notice="Saved. The next keys go by it.")


async def ask_before_removing(visit: Visit) -> Response:
    """Say what removing the key would do."""
    return await _ask(visit, None)


async def remove(visit: Visit) -> Response:
    """Remove it."""
    try:
        removed = await keys.remove_key(
            visit.booth,
            visit.given["kid"],
            issuer=visit.given["issuer"],
            force=visit.form.flag("force"),
        )
    except Conflict:
        return await _ask(visit, Conflict("Tokens that need this key may be about: tick the box."))
    except ManagementError as error:
        return await _ask(visit, error)
    notice = f"The key {removed.kid} is removed."
    return visit.redirect(f"/keys/{removed.issuer}", notice=notice)


async def _show(visit: Visit, mistake: ManagementError | None) -> Response:
    name = visit.given["issuer"]
    issuer = await show_issuer(visit.booth, name)
    return visit.render(
        "keys/show.html",
        status=status_of(mistake),
        mistake=mistake,
        issuer=issuer,
        ring=_ring(name, await keys.list_keys(visit.booth, issuer=name)),
        schedule=await keys.schedule_keys(visit.booth, issuer=name),
        leads=tuple((value, title) for value, (title, _) in _LEADS.items()),
        algorithms=tuple((alg, alg) for alg in SIGNING_ALGORITHMS),
    )


async def _ask(visit: Visit, mistake: ManagementError | None) -> Response:
    key = await _find(visit)
    return visit.render("keys/remove.html", status=status_of(mistake), mistake=mistake, key=key)


async def _find(visit: Visit) -> KeyView:
    issuer, kid = visit.given["issuer"], visit.given["kid"]
    for key in await keys.list_keys(visit.booth, issuer=issuer):
        if key.kid == kid:
            return key
    raise Missing(f"The issuer {issuer!r} has no such key. Perhaps it went by itself.")


def _ring(issuer: str, found: tuple[KeyView, ...]) -> Ring:
    # What comes, what is used, what is going.
    own = sorted(
        (key for key in found if key.issuer == issuer),
        key=lambda key: (key.activates_at, key.created_at),
        reverse=True,
    )
    return Ring(
        issuer=issuer,
        signing=tuple(key for key in own if key.purpose == "sign"),
        sealing=tuple(key for key in own if key.purpose == "seal"),
    )


def _whole(what: str, typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) < 8):
        raise BadInput(f"Say how many {what}, as a whole number.")
    return int(typed)


PAGES = (
    Page(path="/keys", show=show_all, right="keys:read"),
    Page(path="/keys/{issuer}", show=show, right="keys:read"),
    Page(path="/keys/{issuer}/rotate", act=rotate, right="keys:write"),
    Page(path="/keys/{issuer}/schedule", act=schedule, right="keys:write"),
    Page(
        path="/keys/{issuer}/{kid}/remove",
        show=ask_before_removing,
        act=remove,
        right="keys:write",
    ),
)
