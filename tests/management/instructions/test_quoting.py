"""No name can become code, whatever is in it: in each language, and in each whole piece."""

import ast
import json
import subprocess
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.javascript import NODE
from tokenbooth.management.instructions import (
    curl,
    files,
    go,
    http_file,
    javascript,
    postman,
    python,
)
from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import (
    in_double_quotes,
    in_env_file,
    in_form,
    in_javascript,
    in_shell,
)
from tokenbooth.management.instructions.snippet import Snippet
from tokenbooth.management.instructions.template import fill
from tokenbooth.protocol.dialects import AnswerShape, Dialect, built_in_dialects
from tokenbooth.protocol.secret import Secret

NASTY = (
    "'; touch owned; '",
    '"; import os; os.abort(); "',
    "$(touch owned)`touch owned`",
    "${HOME}\\",
    "a\nb\r\n\tc",
    "*/ // # <!-- --> ]]>",
    "<<secret>> {{client_secret}} %s %(x)s",
    "naïve \u2028 \ufeff 🎟️",
    "}' || true; '{",
    "-rf --help",
)
# Neither NUL, which no program can be given, nor half a character, which nobody can send.
texts = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
)
few = settings(max_examples=25, deadline=None)


def bash(script: str) -> str:
    done = subprocess.run(
        ["bash", "--norc"], input=script.encode(), capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""
    return done.stdout.decode()


@given(st.lists(texts, max_size=8))
@few
def test_a_shell_reads_each_word_as_it_is(words: list[str]) -> None:
    script = "printf '%s\\0' " + " ".join(["''", *map(in_shell, words)])

    assert bash(script).split("\0")[1:-1] == words
    assert "\n" not in script


@given(texts)
def test_python_and_yaml_read_the_text_as_it_is(text: str) -> None:
    quoted = in_double_quotes(text)

    assert ast.literal_eval(quoted) == text
    assert yaml.safe_load(f"a: {quoted}") == {"a": text}
    assert quoted.isascii()


@given(texts)
def test_javascript_reads_the_text_as_it_is(text: str) -> None:
    quoted = in_javascript(text)

    assert json.loads(quoted) == text
    assert quoted.isascii()


@given(texts)
def test_a_form_holds_the_text_as_it_is(text: str) -> None:
    assert parse_qs(f"a={in_form(text)}", keep_blank_values=True) == {"a": [text]}


@given(st.lists(texts, max_size=5))
@few
def test_a_shell_reads_the_values_of_an_env_file_as_they_are(values: list[str]) -> None:
    lines = [f"V{number}={in_env_file(value)}\n" for number, value in enumerate(values)]
    shown = " ".join(f'"$V{number}"' for number in range(len(values)))

    printed = bash("".join(lines) + f"printf '%s\\0' '' {shown}")

    assert printed.split("\0")[1:-1] == values


@given(texts)
def test_what_fills_a_gap_is_not_looked_at_again(text: str) -> None:
    assert fill("x <<a>> y <<b>>", a=text, b="<<a>>") == f"x {text} y <<a>>"


def test_a_line_of_nothing_but_an_empty_gap_goes_away() -> None:
    assert fill("a\n  <<b>>\nc\n", b="") == "a\nc\n"
    assert fill("a\n  <<b>>\nc\n", b="1\n2") == "a\n  1\n  2\nc\n"


@st.composite
def hostile_facts(draw: st.DrawFn) -> Facts:
    """Facts in which every text is hostile; the dialect is one that an operator wrote."""
    dialect = draw(st.sampled_from(sorted(built_in_dialects())))
    member = draw(texts.filter(bool))
    shape = AnswerShape(access_token=member, expires_in=member + "x")
    own = Dialect(name="own", answer=shape)
    return Facts(
        issuer_url=draw(texts),
        token_endpoint=draw(texts),
        client_id=draw(texts),
        proof=draw(st.sampled_from(["basic", "body", "private_key", "certificate", "workload"])),
        is_spiffe=draw(st.booleans()),
        dialect=draw(st.sampled_from([built_in_dialects()[dialect], own])),
        scope=draw(texts),
        resource=draw(st.none() | texts),
        api_url=draw(texts),
        lifetime=draw(st.integers(1, 4000)),
        refresh_lifetime=draw(st.none() | st.integers(1, 4000)),
        is_dpop_bound=draw(st.booleans()),
        is_certificate_bound=draw(st.booleans()),
    )


def pieces(language, facts):
    return [each for each in language.write(facts) if isinstance(each, Snippet)]


@given(hostile_facts())
@few
def test_bash_takes_every_piece_as_one_program(facts: Facts) -> None:
    for piece in pieces(curl, facts):
        done = subprocess.run(
            ["bash", "-n"], input=piece.text.encode(), capture_output=True, check=False, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, b"")


@given(hostile_facts())
def test_python_takes_every_piece_and_finds_the_values_in_it(facts: Facts) -> None:
    for piece in pieces(python, facts):
        tree = ast.parse(piece.text)
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert {facts.client_id, facts.api_url} <= constants
        assert (facts.scope in constants) or not facts.scope


@given(hostile_facts())
@settings(max_examples=6, deadline=None)
def test_node_takes_every_piece(facts: Facts) -> None:
    for piece in pieces(javascript, facts):
        done = subprocess.run(
            [NODE, "--check", "--input-type=module", "-"],
            input=piece.text.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


@given(hostile_facts())
@few
def test_go_takes_every_piece(facts: Facts) -> None:
    for piece in pieces(go, facts):
        done = subprocess.run(
            ["gofmt"], input=piece.text.encode(), capture_output=True, check=False, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, b"")


@given(hostile_facts())
def test_the_files_hold_the_values_as_they_are(facts: Facts) -> None:
    _, kubernetes = files.write(facts, Secret("tbs_x"))
    manifest = yaml.safe_load(kubernetes.text)

    assert manifest["stringData"]["CLIENT_ID"] == facts.client_id
    assert manifest["stringData"]["SCOPE"] == facts.scope
    assert ("CLIENT_SECRET" in manifest["stringData"]) == facts.has_secret
    assert 1 <= len(manifest["metadata"]["name"]) <= 63
    for piece in pieces(postman, facts):
        json.loads(piece.text)


@given(hostile_facts())
def test_no_value_adds_a_line_to_an_http_file(facts: Facts) -> None:
    hostile = replace(
        facts,
        proof="basic" if facts.proof == "basic" else "body",
        is_dpop_bound=False,
        is_certificate_bound=False,
    )
    tame = replace(
        hostile,
        client_id="a",
        scope="a" if facts.scope else "",
        token_endpoint="https://a",
        api_url="https://a",
        dialect=built_in_dialects()["standard"],
    )
    (usual,) = pieces(http_file, tame)
    for piece in pieces(http_file, hostile):
        assert len(piece.text.splitlines()) == len(usual.text.splitlines())


@pytest.mark.parametrize(
    ("client_id", "name"),
    [
        ("my-app", "my-app-credentials"),
        ("My.App~9", "my-app-9-credentials"),
        ("_", "client-credentials"),
        ("x" * 128, "x" * 50 + "-credentials"),
    ],
)
def test_the_kubernetes_secret_has_a_name_that_kubernetes_takes(client_id: str, name: str) -> None:
    assert files.resource_name(client_id) == name
