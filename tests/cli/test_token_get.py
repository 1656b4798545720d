import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PROGRAM, Command, Scripted

SECRET = "s3cr3t-of-nobody"
GOOD = {"access_token": "abc", "token_type": "Bearer", "expires_in": 300, "scope": "a"}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", SECRET)


def order(endpoint: Scripted, *more: str, secret: str = "env:MY_SECRET") -> list[str]:
    url = f"{endpoint.url}/token"
    return ["token", "get", "--token-url", url, "--client-id", "app", "--secret", secret, *more]


def test_the_token_is_alone_on_stdout(program: Command, endpoint: Scripted) -> None:
    endpoint.answers(200, GOOD)

    ended = program(*order(endpoint))

    assert (ended.code, ended.out, ended.err) == (0, "abc\n", "")


def test_json_holds_the_whole_answer(tokenbooth: Command, endpoint: Scripted) -> None:
    endpoint.answers(200, {**GOOD, "refresh_token": "def", "refresh_expires_in": 1800})

    answer = tokenbooth(*order(endpoint, "--json")).data

    assert abs(answer.pop("expires_at") - answer.pop("expires_in")) > 1_700_000_000
    assert answer == {
        "access_token": "abc",
        "token_type": "Bearer",
        "scope": "a",
        "refresh_token": "def",
        "refresh_expires_in": 1800.0,
    }


def test_the_secret_is_read_from_a_file_without_its_line_break(
    tokenbooth: Command, endpoint: Scripted, tmp_path: Path
) -> None:
    endpoint.answers(200, GOOD)
    (tmp_path / "secret").write_text(f"{SECRET}\r\n")

    more = ["--auth-method", "body"]
    ended = tokenbooth(*order(endpoint, *more, secret=f"file:{tmp_path}/secret"))

    assert ended.code == 0
    assert f"client_secret={SECRET}".encode() in endpoint.seen[0].split(b"&")


def test_the_secret_is_read_from_stdin(tokenbooth: Command, endpoint: Scripted) -> None:
    endpoint.answers(200, GOOD)

    arguments = order(endpoint, "--auth-method", "body", secret="-")
    ended = tokenbooth(*arguments, stdin=f"{SECRET}\n".encode())

    assert ended.code == 0
    assert f"client_secret={SECRET}".encode() in endpoint.seen[0].split(b"&")


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff\xfe", b"a" * (1 << 21)])
def test_a_stdin_that_holds_no_secret_is_a_usage_error(
    tokenbooth: Command, endpoint: Scripted, stdin: bytes
) -> None:
    ended = tokenbooth(*order(endpoint, secret="-"), stdin=stdin)

    assert ended.code == 2
    assert "stdin" in ended.err
    assert endpoint.seen == []


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(
    tokenbooth: Command, endpoint: Scripted
) -> None:
    ended = tokenbooth(*order(endpoint, secret=SECRET))

    assert (ended.code, ended.out) == (2, "")
    assert "env:NAME" in ended.err
    assert SECRET not in ended.err
    assert endpoint.seen == []


@pytest.mark.parametrize(
    ("status", "document", "code"),
    [
        (401, {"error": "invalid_client"}, 4),
        (400, {"error": "invalid_client"}, 4),
        (401, {}, 4),
        (400, {"error": "invalid_scope"}, 5),
        (400, {"error": "unauthorized_client"}, 5),
        (400, {"error": "invalid_target"}, 5),
        (403, {}, 5),
        (404, {}, 6),
        (429, {}, 8),
        (503, {}, 9),
        (500, {"error": "server_error"}, 9),
        (200, {}, 9),
        (400, {"error": "unsupported_grant_type"}, 1),
        (302, {}, 1),
    ],
)
def test_the_exit_code_tells_the_kind_of_failure(
    tokenbooth: Command, endpoint: Scripted, status: int, document: Any, code: int
) -> None:
    # A long Retry-After ends the tries at once.
    endpoint.answers(status, document, retry_after="3600")

    ended = tokenbooth(*order(endpoint, "--json"))

    assert (ended.code, ended.out) == (code, "")
    assert set(ended.error) == {"error", "message"}
    assert SECRET not in ended.err


def test_a_refusal_names_the_request(tokenbooth: Command, endpoint: Scripted) -> None:
    endpoint.answers(401, {"error": "invalid_client"}, x_request_id="r-42")

    assert "X-Request-Id: r-42" in tokenbooth(*order(endpoint)).err


def test_a_place_where_nobody_listens_is_a_network_failure(tokenbooth: Command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/token"
        ended = tokenbooth(
            "token", "get", "--token-url", url, "--client-id", "a", "--secret", "env:MY_SECRET"
        )

    assert ended.code == 3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--client-id", "a", "--secret", "env:MY_SECRET"], "--issuer"),
        (["--client-id", "a", "--secret", "env:NOT_SET", "--issuer", "http://127.0.0.1:9"],
         "NOT_SET"),
        (["--client-id", "a", "--secret", "file:/nowhere", "--issuer", "http://127.0.0.1:9"],
         "/nowhere"),
        (["--client-id", "a", "--secret", "env:MY_SECRET", "--issuer", "http://example.com"],
         "https"),
        (["--client-id", "a", "--secret", "env:MY_SECRET", "--issuer", "https://example.com",
          "--dialect", "trufone"], "truphone"),
        (["--client-id", "a", "--secret", "env:MY_SECRET", "--issuer", "https://example.com",
          "--dialect", "nowhere.toml"], "nowhere.toml"),
        (["--client-id", "a", "--secret", "env:MY_SECRET", "--issuer", "https://example.com",
          "--scope", 'a"b'], "scope"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_a_usage_error(
    tokenbooth: Command, arguments: list[str], word: str
) -> None:
    ended = tokenbooth("token", "get", *arguments)

    assert ended.code == 2
    assert word in ended.err


def test_speaks_a_dialect_by_name_or_file(
    tokenbooth: Command, endpoint: Scripted, tmp_path: Path
) -> None:
    endpoint.answers(200, {"Token": "abc", "TokenType": "bearer", "ExpiresIn": 3599})
    (tmp_path / "mine.toml").write_text('name = "mine"\n[answer]\naccess_token = "Token"\n')

    by_name = tokenbooth(*order(endpoint, "--dialect", "trulioo-platform"))
    by_file = tokenbooth(*order(endpoint, "--dialect", f"{tmp_path}/mine.toml"))

    assert (by_name.out, by_file.out) == ("abc\n", "abc\n")
    assert b"scope=workflow.studio.api" in endpoint.seen[0]


def test_says_when_less_was_granted_than_asked(tokenbooth: Command, endpoint: Scripted) -> None:
    endpoint.answers(200, GOOD)

    ended = tokenbooth(*order(endpoint, "--scope", "a b"))

    assert ended.out == "abc\n"
    assert "lacks a part of the scope: b" in ended.err


def test_an_interrupt_ends_with_130(endpoint: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/token"
        asking = subprocess.Popen(
            [PROGRAM, "token", "get", "--token-url", url, "--client-id", "a",
             "--secret", "env:MY_SECRET"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ,
        )  # fmt: skip
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            asking.send_signal(2)
            out, err = asking.communicate(timeout=30)

    assert (asking.returncode, out) == (130, b"")
    assert err.strip() == b"tokenbooth: Interrupted."


def test_no_secret_is_among_the_arguments_of_the_process(endpoint: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/token"
        asking = subprocess.Popen(
            [PROGRAM, "token", "get", "--token-url", url, "--client-id", "a", "--secret", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert asking.stdin is not None
        asking.stdin.write(SECRET.encode())
        asking.stdin.close()
        asking.stdin = None
        silent.settimeout(30)
        connection, _ = silent.accept()
        arguments = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(asking.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        connection.close()
        asking.kill()
        asking.communicate(timeout=30)

    assert "token get" in arguments
    assert SECRET not in arguments


def test_the_help_of_token_get_starts_quickly() -> None:
    imported = subprocess.run(
        [PROGRAM.with_name("python"), "-X", "importtime", "-m", "tokenbooth.cli.token"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip

    slow = ("httpx2", "cryptography", "joserfc", "rich", "tokenbooth.client")
    assert [line for line in imported.splitlines() if line.split("|")[-1].strip() in slow] == []


def test_a_broken_answer_is_never_quoted(tokenbooth: Command, endpoint: Scripted) -> None:
    endpoint.status, endpoint.body = 200, json.dumps({"x": SECRET}).encode()

    assert SECRET not in tokenbooth(*order(endpoint)).err
