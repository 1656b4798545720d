"""The audit trail, explanations and usage on the command line."""

import json
import sqlite3

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def changed(persons: Command) -> Command:
    """A booth in which two clients were made."""
    for client_id in ("ada", "bob"):
        assert persons("clients", "create", "--id", client_id, "--api", "persons").code == 0
    return persons


def tamper(tmp_path, statement):
    with sqlite3.connect(tmp_path / "booth.db") as connection:
        connection.execute(statement)
    connection.close()


def test_lists_what_was_done_by_whom_the_newest_first(changed: Command) -> None:
    found = changed("audit", "list", "--json").data

    assert [(each["type"], each["client_id"]) for each in found] == [
        ("client_created", "bob"),
        ("client_created", "ada"),
        ("api_created", None),
    ]
    assert all(each["actor"].startswith("command_line:") for each in found)
    table = changed("audit", "list").out.splitlines()
    assert table[0].split()[:4] == ["SEQ", "AT", "TYPE", "ACTOR"]
    assert len(table) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["list", "--type", "client"], [3, 2]),
        (["list", "--type", "api_created"], [1]),
        (["list", "--client", "ada"], [2]),
        (["list", "--limit", "2"], [3, 2]),
        (["list", "--before", "3"], [2, 1]),
        (["list", "--since", "1h"], [3, 2, 1]),
        (["list", "--until", "1h"], []),
        (["list", "--until", "2001-01-01"], []),
        (["list", "--since", "2001-01-01T00:00+02:00"], [3, 2, 1]),
        (["list", "--account", "none"], []),
        (["search", "BOB"], [3]),
        (["search", "persons", "--type", "api"], [1]),
    ],
)
def test_finds_what_is_asked_for(changed: Command, options, expected) -> None:
    found = changed("audit", *options, "--json").data

    assert [each["seq"] for each in found] == expected


def test_tells_how_to_go_on(changed: Command) -> None:
    assert "--before 2" in changed("audit", "list", "--limit", "2").err
    assert "--before" not in changed("audit", "list").err


def test_shows_one_entry_whole(changed: Command) -> None:
    assert changed("audit", "show", "1", "--json").data["details"]["audience"]
    assert changed("audit", "show", "9").code == 6


def test_refuses_unknown_types_and_moments(changed: Command) -> None:
    unknown = changed("audit", "list", "--type", "client_creatd")
    assert (unknown.code, "Did you mean 'client_created'" in unknown.err) == (2, True)
    moment = changed("audit", "list", "--since", "yesterday")
    assert (moment.code, "24h or 7d" in moment.err) == (2, True)


def test_verifies_the_trail_and_prints_its_head(changed: Command) -> None:
    ended = changed("audit", "verify")
    seq, _, digest = ended.out.strip().partition(":")

    assert (ended.code, seq, len(digest)) == (0, "3", 64)
    assert "whole: 3 entries" in ended.err
    assert changed("audit", "head").out == ended.out
    again = changed("audit", "verify", "--from", ended.out.strip(), "--json").data
    assert again == {"is_whole": True, "entries": 0, "head": {"seq": 3, "hash": digest}}


def test_a_changed_entry_is_found(changed: Command, tmp_path) -> None:
    tamper(tmp_path, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")

    ended = changed("audit", "verify")

    assert ended.code == 1
    assert "entry 2 was changed" in ended.err
    assert "good up to entry 1" in ended.err
    assert ended.out == ""
    assert changed("audit", "verify", "--json").error["error"] == "failed"


def test_a_cut_end_shows_against_a_noted_head(changed: Command, tmp_path) -> None:
    noted = changed("audit", "head").out.strip()
    second = changed("audit", "show", "2", "--json").data["hash"]
    tamper(tmp_path, "DELETE FROM audit WHERE seq = 3")
    tamper(tmp_path, f"UPDATE audit_head SET seq = 2, hash = '{second}'")

    assert changed("audit", "verify").code == 0
    ended = changed("audit", "verify", "--from", noted)
    assert (ended.code, "entry 3 is missing" in ended.err) == (1, True)
    assert changed("audit", "verify", "--from", "nonsense").code == 2


def test_exports_json_lines_the_oldest_first(changed: Command) -> None:
    lines = [json.loads(line) for line in changed("audit", "export").out.splitlines()]

    assert [each["seq"] for each in lines] == [1, 2, 3]
    assert lines[2] == changed("audit", "show", "3", "--json").data
    assert lines[0]["at"].endswith("Z")
    assert changed("audit", "export", "--after", "2", "--json").out.count("\n") == 1
    assert changed("audit", "export", "--since", "2999-01-01").out == ""


def test_explains_a_reason_and_a_code(tokenbooth: Command) -> None:
    assert "not one of its secrets" in tokenbooth("explain", "wrong_secret").out
    assert tokenbooth("explain", "invalid_scope", "--json").data["remedy"]
    unknown = tokenbooth("explain", "wrong_secrt")
    assert (unknown.code, "Did you mean 'wrong_secret'" in unknown.err) == (6, True)


def test_says_of_unknown_requests_how_long_they_are_kept(tokenbooth: Command) -> None:
    unknown = tokenbooth("explain", "0123456789abcdef01234567")

    assert unknown.code == 6
    assert "within seconds" in unknown.err
    assert "7 days" in unknown.err


def test_shows_usage_of_nothing_as_nothing(persons: Command) -> None:
    ended = persons("usage")

    assert ended.out.startswith("0 tokens issued, 0 requests refused")
    assert "BY DAY" in ended.out
    assert persons("usage", "--last", "10m").code == 2
    assert len(persons("usage", "--last", "24h", "--json").data["spans"]) == 24
