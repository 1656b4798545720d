"""Write values as TOML 1.0."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """Return a key as it is written."""
    return name if _BARE.fullmatch(name) else _text(name)


def table(path: Sequence[str], members: Mapping[str, Any], *, is_listed: bool = False) -> str:
    """Return a table with a line for each member; `is_listed`: one entry of an array of them."""
    name = ".".join(map(key, path))
    header = f"[[{name}]]" if is_listed else f"[{name}]"
    lines = [header, *(f"{key(each)} = {value(what)}" for each, what in members.items())]
    return "\n".join(lines) + "\n"


def comment(text: str) -> str:
    """Return a comment; what would end it early is left out."""
    return "".join(f"# {line}\n" for line in text.splitlines() if line.isprintable())


def value(what: Any) -> str:  # noqa: ANN401 - whatever TOML can hold
    """Return a value as it is written; raises TypeError for what TOML cannot hold, like null."""
    match what:
        case bool():
            return "true" if what else "false"
        case int():
            return str(what)
        case float():
            return repr(what)
        case datetime():
            return what.isoformat()
        case str():
            return _long_text(what) if "\n" in what else _text(what)
        case Mapping():
            members = ", ".join(f"{key(name)} = {value(each)}" for name, each in what.items())
            return f"{{ {members} }}" if members else "{}"
        case list() | tuple():
            return f"[{', '.join(map(value, what))}]"
        case _:
            raise TypeError(f"TOML has no {type(what).__name__}")


def can_hold(what: object) -> bool:
    """Whether TOML can hold the value: it has no null."""
    try:
        value(what)
    except TypeError:
        return False
    return True


def _text(text: str) -> str:
    # JSON escapes what TOML wants to be escaped, but for this one.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _long_text(text: str) -> str:
    plain = "'''" not in text and all(each.isprintable() or each == "\n" for each in text)
    # The line break behind the opening quotes is no part of the text.
    return f"'''\n{text}'''" if plain and not text.endswith("'") else _text(text)
