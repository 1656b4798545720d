"""The settings file: TOML with the names of the settings, which a running service can read anew."""

import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

_LARGEST = 2**63 - 1  # TOML promises no more


def read_settings_file(
    path: str, known: Collection[str]
) -> tuple[dict[str, str | float], list[str]]:
    """Return what the file sets and every mistake in it; values are never quoted.

    Unlike in the environment, which other programs share, each name must be a setting.
    """
    try:
        found = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is no TOML file: {error}"
        return {}, [f"{path}: {why}"]
    given: dict[str, str | float] = {}
    mistakes = []
    for name, value in found.items():
        if name not in known:
            close = get_close_matches(name.lower().removeprefix("tokenbooth_"), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            mistakes.append(f"{path}: there is no setting {name!r}{hint}")
        elif isinstance(value, str) and "\0" in value:  # worker processes could not be told
            mistakes.append(f"{path}: {name}: no NUL characters")
        elif isinstance(value, int) and abs(value) > _LARGEST:  # bool is an int
            mistakes.append(f"{path}: {name}: too large a number")
        elif isinstance(value, str | int | float):
            given[name] = value
        else:
            mistakes.append(f"{path}: {name}: give a text, a number, true or false")
    return given, mistakes
