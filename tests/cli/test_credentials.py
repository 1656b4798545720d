import re
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command

SECRET = re.compile(r"tbs_[a-z0-9]{6}_[A-Za-z0-9]{12}_[A-Za-z0-9]{49}")


def test_a_secret_is_never_shown_again(
    persons: Command, client: dict[str, Any], tmp_path: Path
) -> None:
    random = client["client_secret"].rpartition("_")[2]

    shown = [
        persons(*command).out
        for command in (
            ["clients", "show", "my-app", "--json"],
            ["clients", "list", "--json"],
            ["credentials", "list", "my-app", "--json"],
        )
    ]

    assert all("my-app" in text or client["credential_id"] in text for text in shown)
    assert not any(random in text for text in shown)
    assert all(random.encode() not in each.read_bytes() for each in tmp_path.glob("booth.db*"))


def test_a_client_can_have_several_secrets(persons: Command, client: dict[str, Any]) -> None:
    added = persons(
        "credentials", "add", "my-app", "--label", "blue", "--expires", "90d", "--json"
    ).data

    first, second = persons("credentials", "list", "my-app", "--json").data
    assert SECRET.fullmatch(added["client_secret"])
    assert (first["id"], first["expires_at"]) == (client["credential_id"], None)
    assert (second["id"], second["label"]) == (added["credential_id"], "blue")
    assert second["expires_at"] == added["expires_at"]
    assert second["hint"] == added["client_secret"][-4:]


def test_rotation_makes_a_secret_and_ends_the_older_ones(
    persons: Command, client: dict[str, Any]
) -> None:
    rotated = persons("credentials", "rotate", "my-app", "--overlap", "0", "--json").data

    older, newer = persons("credentials", "list", "my-app", "--json").data
    assert [each["id"] for each in rotated["ending"]] == [client["credential_id"]]
    assert (older["id"], older["status"]) == (client["credential_id"], "expired")
    assert (newer["id"], newer["status"]) == (rotated["credential_id"], "valid")


def test_rotation_says_how_long_the_older_secrets_last(
    persons: Command, client: dict[str, Any]
) -> None:
    ended = persons("credentials", "rotate", "my-app")

    assert f"within 1 day: {client['credential_id']}" in ended.err


def test_removing_the_last_credential_warns(persons: Command, client: dict[str, Any]) -> None:
    ended = persons("credentials", "remove", "my-app", client["credential_id"])

    assert ended.code == 0
    assert "no valid credential left" in ended.err
    assert persons("credentials", "list", "my-app", "--json").data == []


def test_a_missing_credential_or_client_is_not_found(
    persons: Command, client: dict[str, Any]
) -> None:
    assert persons("credentials", "remove", "my-app", "xyzzy").code == 6
    assert persons("credentials", "list", "my-ap").code == 6
    assert "Did you mean 'my-app'?" in persons("credentials", "list", "my-ap").err
    assert persons("credentials", "add", "nobody\x1b[2J").code == 6


def test_a_rotation_without_overlap_ends_the_older_secrets_now(
    persons: Command, client: dict[str, Any]
) -> None:
    first = persons("credentials", "rotate", "my-app", "--overlap", "0")
    again = persons("credentials", "rotate", "my-app", "--overlap", "0")

    assert f"end now: {client['credential_id']}\n" in first.err
    assert client["credential_id"] not in again.err
