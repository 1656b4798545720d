"""Take values out of documents that others wrote: whatever is not as expected is not there."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from tokenbooth.management.errors import BadInput
from tokenbooth.management.names import MAX_TEXT

Json = dict[str, Any]

MAX_BYTES = 256 << 20
_LONGEST = 65_536
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+")


def parse(data: bytes, system: str) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON document; raises BadInput."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"This is no export of {system}: it is not JSON.") from error


def text(document: object, *names: str) -> str:
    """Return the text below these names; empty if there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    if not isinstance(document, str) or len(document) > _LONGEST:
        return ""
    # A lone surrogate is in no text that could be stored.
    return "" if any("\ud800" <= each <= "\udfff" for each in document) else document.strip()


def table(document: object, name: str) -> Json:
    """Return the object of that name; empty if there is none."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def tables(document: object, name: str) -> list[Json]:
    """Return the objects in the list of that name."""
    return objects(document.get(name)) if isinstance(document, dict) else []


def objects(found: object) -> list[Json]:
    """Return what is an object of a list."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def texts(document: object, name: str) -> list[str]:
    """Return the texts in the list of that name."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, list):
        return []
    return [one for each in found if (one := text({"": each}, ""))]


def flag(document: object, name: str) -> bool | None:
    """Return true or false, which some write as a text; None if it says neither."""
    found = document.get(name) if isinstance(document, dict) else None
    if isinstance(found, bool):
        return found
    return {"true": True, "false": False}.get(found.lower()) if isinstance(found, str) else None


def number(document: object, name: str) -> int | None:
    """Return a whole number, which some write as a text; None if there is none."""
    found = document.get(name) if isinstance(document, dict) else None
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,15}", found, re.ASCII):
        return int(found)
    is_number = isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**15
    return int(found) if is_number and isinstance(found, int) else None


def one_line(found: str) -> str:
    """Return a text for people as one line of the length that there is for it."""
    line = " ".join(found.split())
    return "".join(each for each in line if each.isprintable())[:MAX_TEXT]


def audience_uri(audience: str, system: str) -> str:
    """Return an audience as the URI that it has to be (RFC 8707 §2)."""
    if _URI.fullmatch(audience):
        return audience
    return f"urn:{system}:{quote(audience, safe='')}"[:1000]


def is_masked(secret: str) -> bool:
    """Whether this stands for a secret: stars, or the name of a variable."""
    return not secret.strip("*") or secret.startswith(("${", "##", "@@", "$("))


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values without repetition, in their order."""
    return tuple(dict.fromkeys(values))
