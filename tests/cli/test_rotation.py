"""Secrets are rotated, watched, finished and cancelled on the command line."""

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.cli.conftest import PROGRAM, Command
from tokenbooth.server.records import CredentialUse
from tokenbooth.server.stores.sql import open_store


def used(tmp_path: Path, credential_id: str) -> None:
    """Note a use, as the running service does."""

    async def note() -> None:
        store = await open_store(f"sqlite:///{tmp_path}/booth.db")
        use = CredentialUse(
            issuer="default",
            client_id="my-app",
            credential_id=credential_id,
            at=time.time(),
            source="192.0.2.7",
            agent="curl/8",
            count=3,
        )
        await store.record_uses([use])
        await store.close()

    asyncio.run(note())


def rotated(persons: Command) -> str:
    return str(persons("credentials", "rotate", "my-app", "--json").data["credential_id"])


def told_at_once(process: subprocess.Popen[bytes]) -> Any:
    """Read one JSON object from a process that goes on."""
    assert process.stdout is not None
    text = b""
    for line in process.stdout:
        text += line
        if line.startswith(b"}") or (text.count(b"\n") == 1 and text.rstrip().endswith(b"}")):
            break
    return json.loads(text)


def test_a_rotation_is_watched_and_finished(
    persons: Command, client: dict[str, Any], tmp_path: Path
) -> None:
    assert persons("credentials", "status", "my-app").code == 6
    new = rotated(persons)
    early = persons("credentials", "finish", "my-app")
    used(tmp_path, new)

    status = persons("credentials", "status", "my-app", "--json").data
    shown = persons("credentials", "status", "my-app")
    finished = persons("credentials", "finish", "my-app", "--json")

    assert (early.code, "Nobody has used the new secret yet" in early.err) == (7, True)
    assert status["is_safe_to_finish"] is True
    assert status["new"]["hosts"][0]["source"] == "192.0.2.7"
    assert "192.0.2.7" in shown.out
    assert "tokenbooth credentials finish my-app" in shown.err
    assert finished.data == {"removed": [client["credential_id"]]}


def test_a_rotation_is_cancelled(persons: Command, client: dict[str, Any], tmp_path: Path) -> None:
    used(tmp_path, rotated(persons))

    refused = persons("credentials", "cancel", "my-app")
    cancelled = persons("credentials", "cancel", "my-app", "--force", "--json")

    assert refused.code == 7
    (left,) = cancelled.data["left"]
    assert (left["id"], left["expires_at"]) == (client["credential_id"], None)


def test_rotating_can_wait_until_the_old_secret_is_unused(
    persons: Command, client: dict[str, Any], tmp_path: Path
) -> None:
    arguments = ["credentials", "rotate", "my-app", "--json", "--wait-until-unused"]
    with subprocess.Popen(
        [PROGRAM, *arguments, "--quiet-for", "1s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as waiting:
        try:
            # The new secret is there before anybody waits.
            new = told_at_once(waiting)
            used(tmp_path, new["credential_id"])
            _, said = waiting.communicate(timeout=60)
        finally:
            waiting.kill()

    assert waiting.returncode == 0, said
    (left,) = persons("credentials", "list", "my-app", "--json").data
    assert left["id"] == new["credential_id"]


def test_a_credential_gets_another_label_and_end(persons: Command, client: dict[str, Any]) -> None:
    one = ("my-app", client["credential_id"])

    changed = persons("credentials", "set", *one, "--label", "blue", "--expires", "90d", "--json")
    endless = persons("credentials", "set", *one, "--expires", "never", "--json")

    assert changed.data["label"] == "blue"
    assert changed.data["expires_at"] is not None
    assert endless.data["expires_at"] is None
    assert persons("credentials", "set", *one).code == 2
    assert persons("credentials", "set", *one, "--expires", "soon").code == 2


def test_a_credential_is_shown_with_the_hosts_that_use_it(
    persons: Command, client: dict[str, Any], tmp_path: Path
) -> None:
    one = ("my-app", client["credential_id"])
    unused = persons("credentials", "show", *one)
    used(tmp_path, client["credential_id"])

    shown = persons("credentials", "show", *one)
    told = persons("credentials", "show", *one, "--json").data

    assert "Nobody has used it yet" in unused.err
    assert "curl/8" in shown.out
    assert told["hosts"][0]["count"] == 3


def test_reminders_fail_a_check(persons: Command, client: dict[str, Any]) -> None:
    nothing = persons("credentials", "reminders", "--check")
    persons("credentials", "add", "my-app", "--expires", "10d")

    found = persons("credentials", "reminders", "--check")
    told = persons("credentials", "reminders", "--json")

    assert (nothing.code, found.code, told.code) == (0, 1, 0)
    assert [each["kind"] for each in told.data] == ["expires_soon"]
    assert persons("credentials", "reminders", "--within", "5d", "--check").code == 0
