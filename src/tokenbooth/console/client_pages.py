"""What the pages about one client share: its address, and what their forms hold."""

from collections.abc import Iterable, Sequence

from tokenbooth.console.form import Form
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients.clients import ClientView, show_client
from tokenbooth.management.errors import BadInput

PATH = "/clients/{issuer}/{client_id}"  # as Starlette writes it
DAY = 86_400.0
_HOUR = 3600.0
_UNITS = {"hours": _HOUR, "days": DAY}
_MOST_DIGITS = 6


def path_of(issuer: str, client_id: str) -> str:
    """Return the address of a client's page, below the console's root."""
    return f"/clients/{issuer}/{client_id}"


def here(visit: Visit) -> str:
    """Return the address of the page of the client that the visit is about."""
    return path_of(visit.given["issuer"], visit.given["client_id"])


async def find(visit: Visit) -> ClientView:
    """Return the client that the visit is about; raises Missing."""
    return await show_client(visit.booth, visit.given["client_id"], issuer=visit.given["issuer"])


def title_of(client: ClientView) -> str:
    """Return what people call it."""
    return client.name or client.client_id


def days_of(form: Form, name: str, what: str) -> float | None:
    """Return the days of a field in seconds; None for an empty one. Raises BadInput."""
    text = form.text(name)
    return None if not text else _number(text, f"{what} is a number of days") * DAY


def span_of(form: Form, name: str, what: str) -> float:
    """Return a span of two fields, a number and its unit, in seconds; raises BadInput."""
    unit = _UNITS.get(form.text(f"{name}_unit"))
    if unit is None:
        raise BadInput(f"{what} is in hours or days.")
    return _number(form.text(name), f"{what} is a number") * unit


def number_of(form: Form, name: str, what: str) -> int | None:
    """Return the number of a field; None for an empty one. Raises BadInput."""
    text = form.text(name)
    return None if not text else _number(text, f"{what} is a number")


def lines_of(form: Form, name: str) -> tuple[str, ...]:
    """Return what stands in the lines of a field, or is separated by commas or spaces."""
    return tuple(form.text(name).replace(",", " ").split())


def chosen_access(form: Form) -> dict[str, tuple[str, ...]]:
    """Return the scopes that are ticked, by API; each box holds `api scope`, or an API alone."""
    chosen: dict[str, tuple[str, ...]] = {}
    for box in form.all("access"):
        api, _, scope = box.partition(" ")
        chosen[api] = (*chosen.get(api, ()), scope) if scope else chosen.get(api, ())
    return chosen


def boxes_of(access: Iterable[tuple[str, Sequence[str]]]) -> frozenset[str]:
    """Return the boxes that are ticked for this access; the other way round."""
    pairs = [(api, tuple(scopes)) for api, scopes in access]
    return frozenset(
        [api for api, _ in pairs] + [f"{api} {scope}" for api, scopes in pairs for scope in scopes]
    )


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise BadInput(f"{what}, like 30.")
    return int(text)
