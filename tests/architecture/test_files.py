"""Every source file is short, says what it is, and leaves nothing undone."""

import ast
import re

from tests.architecture.sources import ROOT, relative, source_files

LONGEST_FILE = 400
UNDONE = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


def test_no_source_file_is_longer_than_400_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in source_files()}

    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}

    assert too_long == {}


def test_every_module_opens_with_a_docstring() -> None:
    silent = [
        relative(path)
        for path in source_files()
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_nothing_is_left_undone() -> None:
    undone = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in source_files()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if UNDONE.search(line)
    ]

    assert undone == []


def test_every_silenced_check_is_named_and_has_a_reason_beside_or_above_it() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no\b)")
    named = re.compile(r"#\s*(noqa: [A-Z0-9, ]+\b|type: ignore\[[a-z, -]+\])(?P<beside>.*)")
    offences = []
    for path in source_files():
        above = ""
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if silenced.search(line):
                found = named.search(line)
                reasoned = found and (re.search(r"\w", found["beside"]) or above.startswith("#"))
                if not reasoned:
                    offences.append(f"{relative(path)}:{number}: {line.strip()}")
            above = line.strip()

    assert offences == []


def test_what_names_no_issue_says_so_in_its_changelog_fragment() -> None:
    # Without the plus, the word would stand in the changelog as if it were the number of an issue.
    kinds = "added|changed|fixed|removed|security"
    named = re.compile(rf"(\d+|\+[a-z0-9-]+)\.({kinds})\.md|README\.md")

    fragments = (path.name for path in (ROOT / "changelog.d").iterdir())

    assert [name for name in fragments if not named.fullmatch(name)] == []
