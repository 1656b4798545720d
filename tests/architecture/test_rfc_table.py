"""docs/rfc.md says truly which RFC section is implemented where, and tested by what."""

import re
from dataclasses import dataclass

from tests.architecture.sources import ROOT, functions_in, relative, source_files

TABLE = ROOT / "docs" / "rfc.md"
SECTION = re.compile(r"RFC (\d{4,5})( §[\dA-Z.]+(–[\d.]+)?)?(, §[\dA-Z.]+)*")
CITED = re.compile(r"RFC ?(\d{4,5})")
MISSPELT = re.compile(
    r"\b(rfc ?-?\d{4,5}\b|RFC-?\d{4,5}|RFC \d{4,5},? (section|sec\.?) )", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    section: str
    source: str
    test: str


def rows() -> list[Row]:
    """Reads the rows below the heading: section, what, file, tests/...::name."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [
        Row(section=section, source=source.strip("`"), test=test.strip("`"))
        for section, _what, source, test in cells
    ]


def test_every_row_cites_a_section() -> None:
    assert [row for row in rows() if not SECTION.fullmatch(row.section)] == []


def test_every_row_names_a_source_file_that_exists() -> None:
    assert [row for row in rows() if not (ROOT / row.source).is_file()] == []


def test_every_row_names_a_test_that_exists() -> None:
    def exists(test: str) -> bool:
        path, _, name = test.partition("::")
        return (ROOT / path).is_file() and name in functions_in(ROOT / path)

    assert [row for row in rows() if not exists(row.test)] == []


def test_every_rfc_that_the_source_cites_has_a_row() -> None:
    known = {number for row in rows() for number in CITED.findall(row.section)}

    unknown = {
        f"RFC {number}: {relative(path)}"
        for path in source_files()
        for number in CITED.findall(path.read_text(encoding="utf-8"))
        if number not in known
    }

    assert "\n".join(sorted(unknown)) == ""


def test_citations_are_spelt_one_way() -> None:
    misspelt = [
        f"{relative(path)}: {found.group()}"
        for path in source_files()
        for found in MISSPELT.finditer(path.read_text(encoding="utf-8"))
    ]

    assert misspelt == []
