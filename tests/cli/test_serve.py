"""What `tokenbooth serve` says when it cannot start."""

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_a_port_that_is_taken_is_a_failure_told_in_the_form_that_was_asked_for(
    tokenbooth: Command, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        place = ("--port", port, "--database", f"sqlite:///{tmp_path}/own.db")
        as_text = tokenbooth("serve", *place)
        as_json = tokenbooth("serve", "--json", *place)

    assert (as_text.code, as_json.code) == (1, 1)
    assert as_text.err.startswith("tokenbooth: Choose another --host or --port")
    assert json.loads(as_json.err)["error"] == "failed"


def test_no_issuer_on_plain_http_comes_of_an_address_off_loopback(
    tokenbooth: Command, tmp_path: Path
) -> None:
    # Every machine can listen there, yet it is not written as what every client knows as loopback.
    place = ("--host", "127.1", "--port", "0", "--database", f"sqlite:///{tmp_path}/own.db")
    ended = tokenbooth("serve", *place)

    assert ended.code == 2
    assert "plain http is accepted on loopback only" in ended.err
    assert "--issuer-url" in ended.err
    assert not (tmp_path / "own.db").exists()


@pytest.mark.parametrize("host", ["nosuch.invalid", "x" * 300])
def test_a_host_that_is_none_is_named(tokenbooth: Command, host: str) -> None:
    ended = tokenbooth("serve", "--host", host, "--port", "0")

    assert ended.code == 1
    assert f"cannot listen on {host}" in ended.err
