"""docs/settings.md says what is so: every setting, its default, and whether it is an option."""

import re
from dataclasses import fields
from pathlib import Path

from tokenbooth.cli.serve import serve
from tokenbooth.server.settings import PREFIX, Settings

_PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_ROW = re.compile(rf"\| `{PREFIX}([A-Z_]+)`( `--`)? \| (.+?) \|")
_WORDS = {"none": None, "empty": ""}


def _described() -> dict[str, tuple[object, bool]]:
    found = {}
    for name, is_option, default in _ROW.findall(_PAGE.read_text("utf-8")):
        value = _WORDS[default] if default in _WORDS else default.strip("`")
        found[name.lower()] = (value, bool(is_option))
    return found


def _as_written(default: object) -> object:
    if default is None:
        return None
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_page_names_every_setting_its_default_and_its_option():
    options = {option.name for option in serve.params}
    actual = {
        setting.name: (_as_written(setting.default), setting.name in options)
        for setting in fields(Settings)
    }
    assert _described() == actual
