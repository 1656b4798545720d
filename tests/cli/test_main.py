import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Command
from tokenbooth import __version__
from tokenbooth.cli.failures import Outcome
from tokenbooth.cli.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def test_alone_it_prints_its_help(program: Command) -> None:
    ended = program()

    assert ended.code == 0
    assert "issuers" in ended.out
    assert ended.err == ""


def test_tells_its_version(program: Command) -> None:
    assert program("--version").out == f"tokenbooth {__version__}\n"


def test_the_help_names_every_exit_code(tokenbooth: Command) -> None:
    text = tokenbooth("--help").out

    assert all(f"{each.exit_code:>5}  {each.meaning}" in text for each in Outcome)


def test_a_mistyped_command_is_guessed(tokenbooth: Command) -> None:
    ended = tokenbooth("clients", "lst")

    assert (ended.code, ended.out) == (2, "")
    assert "Did you mean 'list'?" in ended.err


def test_a_strange_command_is_answered_with_those_that_exist(tokenbooth: Command) -> None:
    ended = tokenbooth("xyzzy")

    assert ended.code == 2
    assert "There are: serve, issuers, apis" in ended.err


def test_a_usage_error_is_json_for_programs(tokenbooth: Command) -> None:
    ended = tokenbooth("apis", "create", "--json")

    assert (ended.code, ended.out) == (2, "")
    assert ended.error["error"] == "usage"
    assert "Missing argument 'NAME'" in ended.error["message"]


@pytest.mark.parametrize("group", ["accounts", "apis", "clients", "credentials", "keys", "token"])
def test_every_command_of_a_group_takes_json(tokenbooth: Command, group: str) -> None:
    listed = tokenbooth(group, "--help").out.partition("Commands:\n")[2]
    commands = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]

    without = [each for each in commands if "--json" not in tokenbooth(group, each, "--help").out]

    assert commands
    assert without == []


def test_a_database_that_cannot_be_opened_is_a_failure_in_words(
    program: Command, tmp_path: Path
) -> None:
    ended = program("issuers", "list", "--database", f"sqlite:///{tmp_path}/nowhere/booth.db")

    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "nowhere" in ended.err


def test_a_file_that_is_no_database_is_a_failure_in_words(program: Command, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database at all. " * 100)

    ended = program("issuers", "list", "--database", f"sqlite:///{tmp_path}/text.db", "--json")

    assert ended.code == 1
    assert ended.error["error"] == "failed"


def test_another_master_key_is_a_failure_in_words(persons: Command, tmp_path: Path) -> None:
    (tmp_path / "booth.db.key").write_text("00" * 32)

    ended = persons("clients", "create", "--api", "persons")

    assert ended.code == 1
    assert "master key" in ended.err


def test_a_wrong_setting_is_a_usage_error(
    tokenbooth: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENBOOTH_WORKERS", "many")

    ended = tokenbooth("issuers", "list")

    assert ended.code == 2
    assert "TOKENBOOTH_WORKERS" in ended.err


def test_the_database_option_wins_over_the_environment(tokenbooth: Command, tmp_path: Path) -> None:
    tokenbooth("accounts", "create", "acme", "--database", f"sqlite:///{tmp_path}/other.db")

    assert tokenbooth("accounts", "list", "--json").data == []


def test_a_reader_that_has_seen_enough_causes_no_traceback(persons: Command) -> None:
    script = f'"{PROGRAM}" apis list --json | head -c 1'

    ended = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=False)

    assert ended.stdout == b"["
    assert ended.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "get", "--help"],
        ["token", "inspect", "tbo_x"],
        ["doctor", "--issuer", "http://127.0.0.1:1", "--json"],
        ["--help"],
    ],
)
def test_client_side_commands_import_no_part_of_the_service(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from tokenbooth.cli.main import run\n"
        f"assert run({arguments!r}) in (0, 3)\n"
        "heavy = ('sqlalchemy', 'alembic', 'tokenbooth.server', 'fastapi', 'uvicorn')\n"
        "print([each for each in heavy if each in sys.modules], file=sys.stderr)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert ended.stderr == "[]\n"


def test_getting_a_token_imports_no_part_of_the_service() -> None:
    code = (
        "import sys, tokenbooth.cli.token_get, tokenbooth.cli.token_inspect\n"
        "heavy = ('sqlalchemy', 'tokenbooth.server')\n"
        "print([each for each in sys.modules if each.startswith(heavy)])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert ended.stdout == "[]\n"


def test_the_reference_says_what_the_program_says() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")

    assert written == reference(), "renew it: python -m tokenbooth.cli.reference > docs/cli.md"


def test_an_error_in_json_is_one_object_on_one_line(tokenbooth: Command) -> None:
    ended = tokenbooth("clients", "show", "nobody", "--json")

    assert ended.code == 6
    assert ended.err.count("\n") == 1
    assert json.loads(ended.err) == {"error": "not_found", "message": ended.error["message"]}
