"""docs/rfc.md says truly which RFC section is implemented where, and tested by what."""

import re
from dataclasses import dataclass

import pytest

from tests.architecture.sources import ROOT, functions_in, relative, source_files

TABLE = ROOT / "docs" / "rfc.md"
SECTION = re.compile(r"RFC (\d{4,5})( §[\dA-Z.]+(–[\d.]+)?)?(, §[\dA-Z.]+)*")
TEST = re.compile(r"`(tests/[^`]+)`")
CITED = re.compile(r"RFC ?(\d{4,5})")
MISSPELT = re.compile(
    r"\b(rfc ?-?\d{4,5}\b|RFC-?\d{4,5}|RFC \d{4,5},? (section|sec\.?) )", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    section: str
    source: str
    test: str


def cells(table: int) -> list[list[str]]:
    """Reads the rows of one of the page's tables, without its heading."""
    text = TABLE.read_text(encoding="utf-8").split("\n## ")[table]
    lines = [line for line in text.splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def rows() -> list[Row]:
    """Reads the rows by section: section, what, file, tests/...::name."""
    return [
        Row(section=section, source=source.strip("`"), test=test.strip("`"))
        for section, _what, source, test in cells(0)
    ]


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name in functions_in(ROOT / path)


def test_every_row_cites_a_section() -> None:
    assert [row for row in rows() if not SECTION.fullmatch(row.section)] == []


def test_every_row_names_a_source_file_that_exists() -> None:
    assert [row for row in rows() if not (ROOT / row.source).is_file()] == []


def test_every_row_names_a_test_that_exists() -> None:
    assert [row for row in rows() if not exists(row.test)] == []


def test_every_number_of_the_checklist_has_a_row() -> None:
    assert [int(number) for number, _fact, _tests in cells(1)] == list(range(1, 151))


@pytest.mark.parametrize("table", [1, 2], ids=["checklist", "advisories"])
def test_every_row_of_a_list_names_tests_that_exist_or_why_it_does_not_apply(table: int) -> None:
    unfounded = []
    for row in cells(table):
        named = TEST.findall(row[-1])
        is_excused = row[-1].startswith("does not apply")
        if not (named or is_excused) or not all(exists(test) for test in named):
            unfounded.append(row)

    assert unfounded == []


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
