import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import PROGRAM, Command
from tokenbooth.cli.failures import Failure
from tokenbooth.cli.token_inspect import bare_token
from tokenbooth.cli.token_report import Signature, describe, plain, report_on, shown_in_words
from tokenbooth.protocol.jwt import read_jwt, sign_jwt
from tokenbooth.protocol.keys import generate_key

KEY = generate_key("ES256")
UNCHECKED = Signature(result="not_checked", text="not checked")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = ("iss", "sub", "client_id", "azp", "aud", "scope", "scp", "iat", "nbf", "exp", "jti")


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "http://127.0.0.1:9",
        "sub": "my-app",
        "client_id": "my-app",
        "aud": "https://api.example.com",
        "scope": "persons:read persons:write",
        "iat": now,
        "exp": now + 3600,
        **more,
    }


def token(typ: str = "at+jwt", **more: Any) -> str:
    return sign_jwt(claims(**more), KEY, typ=typ)


def test_says_who_for_which_api_and_how_long_still(tokenbooth: Command) -> None:
    ended = tokenbooth("token", "inspect", "--offline", token(exp=int(time.time()) + 3700))

    assert ended.code == 0
    assert "JWT (access token), signed with ES256" in ended.out
    assert "the client my-app" in ended.out
    assert "https://api.example.com" in ended.out
    assert "persons:read persons:write" in ended.out
    assert "valid for another 1 hour 1 minute" in ended.out
    assert "not checked: nothing was fetched" in ended.out


def test_json_holds_every_claim(tokenbooth: Command) -> None:
    found = tokenbooth("token", "inspect", "--offline", "--json", token(extra=[1])).data

    assert found["kind"] == "jwt"
    assert found["status"] == "valid"
    assert found["audience"] == ["https://api.example.com"]
    assert found["scope"] == ["persons:read", "persons:write"]
    assert 3590 <= found["expires_in"] <= 3600
    assert found["claims"]["extra"] == [1]
    assert found["refused_because"] == ""


def test_an_expired_token_would_be_refused(tokenbooth: Command) -> None:
    expired = token(exp=int(time.time()) - 7200)

    ended = tokenbooth("token", "inspect", "--offline", expired)

    assert ended.code == 4
    assert "expired since 2 hours" in ended.out
    assert "it has expired" in ended.err


def test_a_token_of_the_future_would_be_refused(tokenbooth: Command) -> None:
    ended = tokenbooth("token", "inspect", "--offline", token(nbf=int(time.time()) + 100))

    assert ended.code == 4
    assert "not valid for another 1 minute" in ended.out


def test_another_issuer_than_expected_is_never_fetched(tokenbooth: Command) -> None:
    ended = tokenbooth("token", "inspect", "--issuer", "https://auth.example.com", token())

    assert ended.code == 4
    assert "names another issuer" in ended.out


def test_an_issuer_that_cannot_be_asked_is_a_network_failure(tokenbooth: Command) -> None:
    ended = tokenbooth("token", "inspect", token())

    assert ended.code == 3
    assert "not checked" in ended.out


@pytest.mark.parametrize("iss", ["http://example.com", "file:///etc/passwd", "x", "\x1b[2J"])
def test_an_issuer_that_must_not_be_asked_is_not(tokenbooth: Command, iss: str) -> None:
    ended = tokenbooth("token", "inspect", token(iss=iss))

    assert ended.code == 3
    assert "\x1b" not in ended.out + ended.err


def test_a_client_secret_is_recognised_and_not_repeated(
    tokenbooth: Command, client: dict[str, Any]
) -> None:
    ended = tokenbooth("token", "inspect", stdin=client["client_secret"].encode())

    assert (ended.code, ended.out) == (2, "")
    assert "This is a client secret, not a token - rotate it" in ended.err
    assert client["client_secret"] not in ended.err


@pytest.mark.parametrize(
    ("text", "kind"),
    [("tbo_abc", "opaque"), ("tbr_abc", "refresh_token"), ("a.b.c.d.e", "encrypted"),
     ("6f7a", "unknown")],
)  # fmt: skip
def test_says_what_a_token_is_that_only_its_issuer_can_read(
    tokenbooth: Command, text: str, kind: str
) -> None:
    ended = tokenbooth("token", "inspect", text, "--json")

    assert (ended.code, ended.data["kind"]) == (0, kind)


@pytest.mark.parametrize("text", ["a.b.c", "..", "e30.e30.", "{}", "{", '{"access_token": 1}', " "])
def test_what_is_no_token_is_a_failure_in_words(tokenbooth: Command, text: str) -> None:
    ended = tokenbooth("token", "inspect", text)

    assert ended.code in (1, 2)
    assert ended.out == ""
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "form",
    ["{}", "Bearer {}", "Authorization: Bearer {}", '"{}"', "  {}\n", '{{"access_token": "{}"}}',
     '{{"Token": "{}"}}'],
)  # fmt: skip
def test_a_token_is_found_in_what_people_paste(form: str) -> None:
    assert bare_token(form.format("abc.def.ghi")) == "abc.def.ghi"


def test_a_token_copied_over_several_lines_is_joined() -> None:
    assert bare_token("abc.d\n  ef.ghi") == "abc.def.ghi"


def test_other_issuers_ways_to_name_client_and_scopes_are_read(tokenbooth: Command) -> None:
    foreign = sign_jwt(
        {
            "azp": "their-app",
            "sub": "somebody",
            "scp": ["x", "y"],
            "aud": ["one", "two"],
            "iat": -1,
        },
        KEY,
        typ="JWT",
    )

    ended = tokenbooth("token", "inspect", foreign)

    assert ended.code == 0
    assert "the client their-app, on behalf of somebody" in ended.out
    assert "x y" in ended.out
    assert "one, two" in ended.out
    assert "not marked as access token: jwt" in ended.out
    assert "no usable exp" in ended.out
    assert "-1 seconds after 1970" in ended.out
    assert "the token names no issuer" in ended.out


@pytest.mark.parametrize("exp", [10**400, float("inf"), float("nan"), True, "soon", None])
def test_an_expiry_that_is_no_time_is_none(exp: object) -> None:
    report = report_on(read_jwt(token()), {"exp": exp}, UNCHECKED, now=1_800_000_000.0)

    assert (report.expires_at, report.status) == (None, "unknown")


@given(st.text())
def test_any_text_is_described_or_refused(text: str) -> None:
    with suppress(Failure):
        found = describe(bare_token(text))
        assert found is None or found.text.isprintable()


@given(st.dictionaries(st.sampled_from(CLAIMS) | st.text(), JSON, max_size=8))
def test_any_claims_can_be_shown_and_none_acts_on_the_terminal(unverified: dict[str, Any]) -> None:
    report = report_on(read_jwt(token()), unverified, UNCHECKED, now=1_800_000_000.0)

    lines = shown_in_words(report).splitlines()

    assert all(line.isprintable() for line in lines)
    assert len(lines) <= 10


@given(JSON)
def test_plain_text_is_short_and_printable(value: Any) -> None:
    assert plain(value).isprintable()
    assert len(plain(value)) <= 200


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A running token service with one client."""
    folder = tmp_path_factory.mktemp("service")
    database = ["--database", f"sqlite:///{folder}/booth.db"]

    def call(*arguments: str) -> Any:
        done = subprocess.run(
            [PROGRAM, *arguments, *database, "--json"], capture_output=True, timeout=60, check=True
        )
        return json.loads(done.stdout)

    call("apis", "create", "persons", "--audience", "https://api.example.com", "--scopes", "a b")
    made = call("clients", "create", "--id", "my-app", "--api", "persons")
    running = subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", *database, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert running.stdout is not None
    try:
        yield {
            **made,
            "database": database[1],
            "url": json.loads(running.stdout.readline())["issuer"],
        }
    finally:
        running.terminate()
        running.communicate(timeout=30)


@pytest.fixture
def issued(service: dict[str, Any], tokenbooth: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MY_SECRET", service["client_secret"])
    got = tokenbooth("token", "get", "--issuer", service["url"], "--client-id", "my-app",
                     "--secret", "env:MY_SECRET", "--scope", "a")  # fmt: skip
    assert got.code == 0, got.err
    return got.out.strip()


def test_the_signature_is_checked_with_the_issuers_keys(
    service: dict[str, Any], issued: str, tokenbooth: Command
) -> None:
    named = tokenbooth("token", "inspect", issued, "--json")
    expected = tokenbooth("token", "inspect", "--issuer", service["url"], stdin=issued.encode())

    assert named.data["signature"]["result"] == "good"
    assert "that the token itself names" in named.data["signature"]["text"]
    assert expected.code == 0
    assert "good: checked with the key of the issuer\n" in expected.out


def test_a_forged_token_would_be_refused(
    service: dict[str, Any], issued: str, tokenbooth: Command
) -> None:
    header, payload, signature = issued.split(".")
    altered = json.loads(base64.urlsafe_b64decode(payload + "=="))
    altered["scope"] = "a b admin"
    forged = base64.urlsafe_b64encode(json.dumps(altered).encode()).rstrip(b"=").decode()

    ended = tokenbooth("token", "inspect", f"{header}.{forged}.{signature}", "--json")

    assert ended.code == 4
    assert ended.data["signature"]["result"] == "bad"
    assert ended.error["error"] == "authentication_refused"


def test_a_token_of_a_key_that_is_not_published_would_be_refused(
    service: dict[str, Any], tokenbooth: Command
) -> None:
    ended = tokenbooth("token", "inspect", token(iss=service["url"]), "--json")

    assert ended.code == 4
    assert ended.data["signature"]["result"] == "unknown_key"


def test_a_running_service_follows_the_command_line_within_a_second(
    service: dict[str, Any], issued: str, tokenbooth: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert issued
    get = ["token", "get", "--issuer", service["url"], "--client-id", "my-app",
           "--secret", "env:MY_SECRET"]  # fmt: skip
    folder_database = service["database"]
    tokenbooth("clients", "disable", "my-app", "--database", folder_database)
    deadline = time.monotonic() + 1.0
    while tokenbooth(*get).code == 0 and time.monotonic() < deadline:
        time.sleep(0.05)

    refused = tokenbooth(*get).code
    tokenbooth("clients", "enable", "my-app", "--database", folder_database)

    assert refused == 4
