"""tokenbooth clients instructions."""

import json
import subprocess

import pytest

from tokenbooth.management.instructions import FORMATS


@pytest.fixture
def with_client(persons):
    made = persons("clients", "create", "--id", "my-app", "--api", "persons", "--json")
    assert made.code == 0, made.err
    return persons


def test_writes_one_piece_to_stdout_and_what_it_needs_to_stderr(with_client):
    done = with_client("clients", "instructions", "my-app")

    assert done.code == 0
    assert done.out.startswith("# Type the secret in once")
    assert "tbs_" not in done.out
    assert "It needs: bash, curl, jq." in done.err
    assert "CLIENT_SECRET" in done.err


@pytest.mark.parametrize("name", [each for each in FORMATS if each != "curl-refresh"])
def test_writes_each_format_whole(with_client, name):
    done = with_client("clients", "instructions", "my-app", "--format", name)

    assert done.code == 0
    assert "my-app" in done.out or name == "shell"
    assert done.out.endswith("\n")
    assert not done.out.endswith("\n\n")


def test_the_output_is_a_program_that_the_shell_takes(with_client):
    script = with_client("clients", "instructions", "my-app", "--format", "shell").out

    done = subprocess.run(["bash", "-n"], input=script, text=True, check=False, timeout=30)

    assert done.returncode == 0


def test_json_holds_all_of_them(with_client):
    told = json.loads(with_client("clients", "instructions", "my-app", "--json").out)

    assert {each["id"] for each in told["snippets"]} == set(FORMATS) - {"curl-refresh"}
    assert (told["client_id"], told["api"]) == ("my-app", "persons")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody"], 6),
        (["my-app", "--api", "nothing"], 6),
        (["my-app", "--issuer", "nowhere"], 6),
        (["my-app", "--format", "cobol"], 2),
        (["my-app", "--format", "curl-refresh"], 6),
    ],
)
def test_refuses_what_there_is_not(with_client, arguments, code):
    assert with_client("clients", "instructions", *arguments).code == code


def test_previews_a_token_in_words_and_says_what_stands_in_its_way(with_client):
    shown = with_client("clients", "preview", "my-app")
    whole = with_client("clients", "preview", "my-app", "--json")
    with_client("clients", "disable", "my-app")
    refused = with_client("clients", "preview", "my-app")

    assert (shown.code, "refused" in shown.err) == (0, False)
    assert "persons:read" in shown.out
    assert whole.data["claims"]["client_id"] == "my-app"
    assert "It would be refused now: " in refused.err
    assert with_client("clients", "preview", "nobody").code == 6
