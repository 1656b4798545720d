import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command

KEYS = ("keys", "list", "--json")


def signing(tokenbooth: Command) -> dict[str, str]:
    return {key["status"]: key["kid"] for key in tokenbooth(*KEYS).data if key["purpose"] == "sign"}


def test_a_rotation_says_which_key_is_used_from_when(tokenbooth: Command) -> None:
    before = signing(tokenbooth)

    ended = tokenbooth("keys", "rotate", "--lead", "15m")

    after = signing(tokenbooth)
    assert after["current"] == before["current"]
    assert re.search(rf"uses the key {re.escape(after['next'])} in 1[45] minutes", ended.err)
    assert after["next"] in ended.out


def test_a_rotation_as_json_is_the_key(tokenbooth: Command) -> None:
    made = tokenbooth("keys", "rotate", "--alg", "ML-DSA-65", "--now", "--json").data

    assert (made["alg"], made["status"], made["signer"]) == ("ML-DSA-65", "next", "database")
    assert tokenbooth("issuers", "show", "default", "--json").data["alg"] == "ML-DSA-65"


def test_a_sealing_key_is_rotated_on_request(tokenbooth: Command) -> None:
    made = tokenbooth("keys", "rotate", "--sealing", "--json").data

    assert made["purpose"] == "seal"
    assert "next" not in signing(tokenbooth)


@pytest.mark.usefixtures("no_booth")
def test_a_list_says_how_old_keys_are_and_where_they_lie(tokenbooth: Command) -> None:
    for key in tokenbooth(*KEYS).data:
        assert 0 <= key["age"] < 60
        assert key["signer"] == "database"


def test_a_key_in_use_is_removed_by_force_alone(tokenbooth: Command) -> None:
    kid = signing(tokenbooth)["current"]

    refused = tokenbooth("keys", "remove", kid)
    done = tokenbooth("keys", "remove", kid, "--force", "--json")

    assert (refused.code, "--force" in refused.err) == (7, True)
    assert (done.code, done.data["kid"]) == (0, kid)
    assert signing(tokenbooth)["current"] != kid
    assert tokenbooth("keys", "remove", kid, "--force").code == 6


def test_a_schedule_is_changed_and_shown(tokenbooth: Command) -> None:
    tokenbooth("keys", "schedule", "--lifetime", "30d", "--publish-ahead", "48h")

    shown = tokenbooth("keys", "schedule", "--json").data

    assert shown == {"issuer": "default", "lifetime_days": 30, "publish_ahead": 172_800}


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["rotate", "--now", "--lead", "1h"], 2, "not both"),
        (["rotate", "--alg", "HS256"], 2, "HS256"),
        (["rotate", "--signer", "hsm"], 2, "pkcs11:"),
        (["rotate", "--signer", "pkcs11:token=a?module-path=/nowhere.so"], 1, "/nowhere.so"),
        (["rotate", "--sealing", "--alg", "EdDSA"], 2, "no algorithm"),
        (["rotate", "--issuer", "nowhere"], 6, "nowhere"),
        (["rotate", "--lead", "40d"], 2, "30 days"),
        (["schedule", "--lifetime", "36h"], 2, "whole days"),
        (["schedule", "--publish-ahead", "1m"], 2, "15 minutes"),
        (["remove", "nobody"], 6, "no key"),
        (["reseal"], 2, "--new-master-key-file"),
        (["reseal", "--new-master-key-file", "booth.db.key"], 2, "another file"),
        (["reseal", "--new-master-key-file", "no/such/folder/key"], 1, "Cannot make"),
    ],
)
def test_what_cannot_be_done_to_keys_is_said_in_words(
    tokenbooth: Command, arguments: list[str], code: int, word: str
) -> None:
    before = tokenbooth(*KEYS).data

    ended = tokenbooth("keys", *arguments)

    assert (ended.code, word in ended.err) == (code, True), ended.err
    unaged = [{**key, "age": 0} for key in tokenbooth(*KEYS).data]
    assert unaged == [{**key, "age": 0} for key in before]


def test_everything_opens_after_the_master_key_was_replaced(
    tokenbooth: Command, tmp_path: Path
) -> None:
    before = signing(tokenbooth)

    ended = tokenbooth("keys", "reseal", "--new-master-key-file", "new.key")

    assert ended.code == 0
    assert "the running service takes it from there" in ended.err
    assert signing(tokenbooth) == before
    secret = (tmp_path / "new.key").read_text().strip()
    assert secret not in ended.out + ended.err
    told = tokenbooth("keys", "reseal", "--new-master-key-file", "newer.key", "--json").data
    assert (told["keys"], told["master_key_file_updated"]) == (3, True)
