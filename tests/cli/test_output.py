import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Command, Scripted
from tokenbooth.cli import main
from tokenbooth.cli.output import Output, as_mapping


def on_a_terminal(columns: int, *arguments: str, typed: bytes = b"", after: bytes = b"") -> str:
    """Runs the real program on a terminal, types when asked, and returns what is shown there."""
    terminal, inside = pty.openpty()
    running = subprocess.Popen(
        [PROGRAM, *arguments],
        stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
        env={**os.environ, "COLUMNS": str(columns), "LINES": "40", "TERM": "xterm"},
    )  # fmt: skip
    os.close(inside)
    shown = b""
    while True:
        if typed and after in shown:
            os.write(terminal, typed)
            typed = b""
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux says so when the other end is closed.
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    assert running.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def test_a_wide_terminal_shows_a_table(persons: Command) -> None:
    shown = on_a_terminal(160, "apis", "list")

    assert "━" in shown or "─" in shown
    assert "persons:read, persons:write" in shown


def test_a_narrow_terminal_loses_no_character(persons: Command) -> None:
    shown = on_a_terminal(40, "apis", "list")

    assert "─" not in shown
    assert "default  persons  https://api.example.com  persons:read, persons:write  no" in shown


def test_a_person_is_asked_to_paste_the_token() -> None:
    shown = on_a_terminal(160, "token", "inspect", typed=b"tbo_abc\n\x04")

    assert "Paste the token, then press Enter and Ctrl-D." in shown
    assert "An opaque access token" in shown


def test_a_secret_typed_on_a_terminal_is_not_shown(endpoint: Scripted) -> None:
    endpoint.answers(200, {"access_token": "abc", "token_type": "Bearer"})

    order = ["token", "get", "--token-url", endpoint.url, "--client-id", "app", "--secret", "-"]
    shown = on_a_terminal(160, *order, typed=b"s3cr3t\n", after=b"The client secret")

    assert "abc" in shown
    assert "s3cr3t" not in shown
    assert len(endpoint.seen) == 1


def test_names_are_never_markup(tokenbooth: Command) -> None:
    title = "[bold]A[/] \\[b] [/nothing]"
    tokenbooth("accounts", "create", "acme", "--title", title)

    assert title in on_a_terminal(160, "accounts", "list")


def test_a_terminal_that_knows_fewer_characters_still_gets_an_answer(
    program: Command, tokenbooth: Command
) -> None:
    tokenbooth("accounts", "create", "acme", "--title", "漢字")

    ended = program("accounts", "list", PYTHONIOENCODING="latin-1")

    assert ended.code == 0
    assert "\\u6f22" in ended.out


def test_a_value_without_a_json_form_is_a_defect() -> None:
    with pytest.raises(TypeError, match="object"):
        as_mapping({"x": object()})


def test_nothing_to_show_is_an_empty_answer(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).one({})

    assert capsys.readouterr().out == ""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Lets the next command fail with an error that nobody foresaw."""

    def fail_with(error: Exception) -> None:
        def fail(**given: object) -> None:
            raise error

        monkeypatch.setattr(main.program, "main", fail)

    return fail_with


def test_a_defect_is_told_without_what_it_held(
    tokenbooth: Command, failing: Callable[[Exception], None]
) -> None:
    failing(KeyError("s3cr3t"))

    ended = tokenbooth("--help", "--json")

    assert ended.code == 1
    assert "KeyError in test_output.py, line" in ended.error["message"]
    assert "s3cr3t" not in ended.err


def test_a_missing_package_is_told_with_the_extra_that_brings_it(
    tokenbooth: Command, failing: Callable[[Exception], None]
) -> None:
    failing(ModuleNotFoundError("No module", name="sqlalchemy"))

    ended = tokenbooth("--help")

    assert ended.code == 1
    assert "sqlalchemy" in ended.err
    assert "pip install 'tokenbooth[server]'" in ended.err


def test_a_file_that_cannot_be_written_is_a_failure(
    tokenbooth: Command, failing: Callable[[Exception], None]
) -> None:
    failing(PermissionError(13, "Permission denied", "/nowhere"))

    ended = tokenbooth("--help")

    assert (ended.code, ended.err) == (1, "tokenbooth: Permission denied (/nowhere).\n")


def test_a_full_disk_behind_stdout_is_a_failure() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )

    assert ended.returncode == 1
    assert ended.stderr == b"tokenbooth: No space left on device.\n"
