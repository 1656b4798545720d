import base64
import contextlib
import datetime as dt
import io
import json
import os
import re
import socket
import ssl
import time
from email.utils import formatdate
from threading import Thread
from typing import Any
from urllib.parse import quote_plus

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.remote.local_server import LocalServer, Reply, Seen, as_json, local_server
from tokenbooth.cli.main import run

SECRET = "s3cr3t/of+nobody=="
GOOD = {"access_token": "opaque-token-42", "token_type": "Bearer", "expires_in": 300, "scope": "a"}
PLACE = "/.well-known/oauth-authorization-server"


class Vendor:
    """An issuer and an API on loopback, which a test bends."""

    def __init__(self, server: LocalServer, scheme: str = "http") -> None:
        self.server = server
        self.url = server.url.replace("http:", f"{scheme}:").replace("127.0.0.1", "localhost")
        self.metadata: dict[str, Any] = {
            "issuer": self.url,
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }
        server.on(PLACE, lambda _: as_json(self.metadata))
        server.on("/jwks", as_json({"keys": []}))
        server.on("/token", as_json(GOOD))
        server.on("/api", Reply(status=200, body=b"hello"))
        del self.metadata["jwks_uri"]

    def order(self, *more: str, secret: str = "env:MY_SECRET") -> list[str]:
        asked = ["--issuer", self.url, "--client-id", "app", "--secret", secret]
        return ["doctor", *asked, "--json", *more]


@pytest.fixture
def vendor():
    with local_server() as server:
        yield Vendor(server)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("MY_SECRET", SECRET)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)


def found(ended, check):
    """Return the finding of that name."""
    return next(each for each in ended.data["checks"] if each["check"] == check)


def verdicts(ended):
    return {each["check"]: each["verdict"] for each in ended.data["checks"]}


def assert_discreet(*texts):
    basic = base64.b64encode(f"app:{SECRET}".encode()).decode()
    for text in texts:
        for form in (SECRET, quote_plus(SECRET), basic, GOOD["access_token"]):
            assert form not in text


# --- All is well ----------------------------------------------------------------------------------


def test_finds_nothing_wrong_where_nothing_is(tokenbooth, vendor):
    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api"))

    assert ended.code == 0
    assert ended.data["verdict"] == "ok"
    assert verdicts(ended) == {
        "secret": "ok", "trust": "ok", "proxy": "ok", "dns": "ok", "tcp": "ok", "tls": "skipped",
        "clock": "ok", "redirect": "ok", "discovery": "ok", "keys": "skipped", "token": "ok",
        "content": "ok", "api": "ok",
    }  # fmt: skip
    assert_discreet(ended.out, ended.err)


def test_calls_the_api_with_the_token(tokenbooth, vendor):
    tokenbooth(*vendor.order("--api", f"{vendor.url}/api"))

    (call,) = vendor.server.seen_at("/api")
    assert call.headers["authorization"] == f"Bearer {GOOD['access_token']}"


def test_looks_at_an_issuer_without_credentials(tokenbooth, vendor):
    ended = tokenbooth("doctor", "--issuer", vendor.url, "--json")

    assert ended.code == 0
    assert verdicts(ended)["discovery"] == "ok"
    assert verdicts(ended)["token"] == "skipped"


def test_people_get_a_table_on_stdout_and_the_progress_on_stderr(tokenbooth, vendor):
    arguments = [each for each in vendor.order() if each != "--json"]

    ended = tokenbooth(*arguments)

    assert ended.out.startswith("CHECK")
    assert re.search(r"^token +ok", ended.out, re.MULTILINE)
    assert "All is well." in ended.out
    assert "Looking at a token ..." in ended.err


# --- The secret -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        (f"{SECRET}\n", "1 line break", "warning"),
        (f" {SECRET} ", "2 blanks", "failed"),
        (f"'{SECRET}'", "quotes", "failed"),
    ],
)
def test_says_what_surrounds_the_secret_and_goes_on_without(tokenbooth, vendor, monkeypatch, case):
    value, words, verdict = case
    monkeypatch.setenv("MY_SECRET", value)

    ended = tokenbooth(*vendor.order("--auth-method", "body"))

    assert words in found(ended, "secret")["seen"]
    assert verdicts(ended)["secret"] == verdict
    assert ended.code == (2 if verdict == "failed" else 0)
    (asked,) = vendor.server.seen_at("/token")
    assert asked.form["client_secret"] == [SECRET]
    assert_discreet(ended.out, ended.err)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("************", "asterisks"),
        ("https://auth.example.com/token", "a URL"),
        ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "a token"),
        ("Bearer abc", "a header"),
        ("$MY_OTHER_SECRET", "a variable"),
        ('{"client_secret": "abc"}', "JSON"),
        ("<your secret here>", "placeholder"),
        (f"tbs_yahlyr_qGpRdqnaq2nQ_{'r' * 46}", "3 characters short"),
        ("tbo_abcdefgh", "a token"),
    ],
)
def test_names_what_is_there_instead_of_a_secret_and_sends_it_nowhere(
    tokenbooth, vendor, monkeypatch, value, words
):
    monkeypatch.setenv("MY_SECRET", value)

    ended = tokenbooth(*vendor.order())

    assert ended.code == 2
    assert words in found(ended, "secret")["seen"]
    assert vendor.server.seen_at("/token") == []


@pytest.mark.parametrize(("value", "words"), [("app", "client ID"), ("changeme", "placeholder")])
def test_doubts_what_is_hardly_a_secret_and_tries_it(tokenbooth, vendor, monkeypatch, value, words):
    monkeypatch.setenv("MY_SECRET", value)

    ended = tokenbooth(*vendor.order())

    assert ended.code == 0
    assert verdicts(ended)["secret"] == "warning"
    assert words in found(ended, "secret")["seen"]
    assert verdicts(ended)["token"] == "ok"


def test_guesses_which_variable_was_meant(tokenbooth, vendor, tmp_path):
    (tmp_path / ".env").write_text("MY_SECRT=abc\n")

    ended = tokenbooth(*vendor.order(secret="env:MY_SECRT"))

    assert ended.code == 2
    causes = found(ended, "secret")["causes"]
    assert "env:MY_SECRET" in causes[0]
    assert ".env" in causes[1]
    assert verdicts(ended)["discovery"] == "ok"


def test_warns_of_a_secret_file_that_everybody_may_read(tokenbooth, vendor, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)

    open_to_all = tokenbooth(*vendor.order(secret=f"file:{file}"))
    file.chmod(0o600)
    closed = tokenbooth(*vendor.order(secret=f"file:{file}"))

    assert "chmod o-rwx" in found(open_to_all, "secret")["causes"][0]
    assert verdicts(closed)["secret"] == "ok"


def test_reads_the_secret_from_stdin(tokenbooth, vendor):
    ended = tokenbooth(*vendor.order(secret="-"), stdin=SECRET.encode())

    assert verdicts(ended)["token"] == "ok"


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(tokenbooth, vendor):
    ended = tokenbooth(*vendor.order(secret=SECRET))

    assert ended.code == 2
    assert_discreet(ended.out, ended.err)
    assert vendor.server.seen == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--issuer", "nonsense"],
        ["--issuer", "https://a.example/?q"],
        ["--issuer", "https://a.example", "--client-id", "a"],
        ["--issuer", "https://a.example", "--api", "https://b.example"],
        ["--issuer", "https://a.example", "--dialect", "trufone"],
        ["--issuer", "https://a.example", "--scope", 'a"b'],
        ["--token-url", "https://a.example:99999/"],
    ],
)
def test_what_cannot_work_is_a_usage_error(tokenbooth, arguments):
    ended = tokenbooth("doctor", *arguments)

    assert ended.code == 2
    assert ended.out == ""


# --- The network ----------------------------------------------------------------------------------


def test_a_name_that_is_none_ends_as_a_network_failure(tokenbooth):
    ended = tokenbooth("doctor", "--issuer", "https://doctor.invalid", "--json")

    assert (ended.code, ended.data["first_failed"]) == (3, "dns")


def test_a_port_where_nobody_listens_ends_as_a_network_failure(tokenbooth):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        ended = tokenbooth("doctor", "--issuer", url, "--json")

    assert (ended.code, ended.data["first_failed"]) == (3, "tcp")


def test_plain_http_to_another_machine_gets_no_secret(tokenbooth):
    ended = tokenbooth(
        "doctor", "--issuer", "http://doctor.invalid", "--client-id", "a",
        "--secret", "env:MY_SECRET", "--json",
    )  # fmt: skip

    assert (ended.code, ended.data["first_failed"]) == (2, "address")
    assert "no secret goes there" in found(ended, "token")["seen"]


def test_a_silent_server_is_given_up_in_time(tokenbooth):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        ended = tokenbooth(
            "doctor", "--issuer", url, "--timeout", "0.3", "--total-timeout", "1", "--json"
        )

    assert time.monotonic() - began < 30
    assert (ended.code, ended.data["first_failed"]) == (3, "tls")


def test_the_time_for_all_checks_is_bounded(tokenbooth, vendor):
    vendor.server.on(PLACE, Reply(status=404, delay=2.0))

    ended = tokenbooth(*vendor.order("--timeout", "5", "--total-timeout", "1.5"))

    assert ended.code == 3
    assert "seconds for all checks are over" in found(ended, "api")["seen"]


class Proxy:
    """A proxy that answers CONNECT with one line."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.asked = answer, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.settimeout(10)
                    self.asked = connection.recv(4096)
                    connection.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "user name and password"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "allowed by the proxy"),
        (b"nonsense\r\n\r\n", "a proxy listens there"),
    ],
)
def test_explains_what_a_proxy_refuses_and_hides_its_password(
    tokenbooth, monkeypatch, answer, cause
):
    proxy = Proxy(answer)
    thread = Thread(target=proxy.serve, daemon=True)
    thread.start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://joe:pass-of-joe@127.0.0.1:{proxy.port}")

    ended = tokenbooth("doctor", "--issuer", "https://auth.example", "--json", "--timeout", "5")
    proxy.listener.shutdown(socket.SHUT_RDWR)
    proxy.listener.close()
    thread.join()

    assert (ended.code, ended.data["first_failed"]) == (3, "tunnel")
    assert cause in found(ended, "tunnel")["causes"][0]
    assert "auth.example:443" in found(ended, "tunnel")["seen"]
    assert f"http://127.0.0.1:{proxy.port}" in found(ended, "proxy")["seen"]
    assert "pass-of-joe" not in ended.out + ended.err


@pytest.mark.parametrize("value", ["ftp://proxy.example", "socks5://proxy.example:1"])
def test_names_a_proxy_variable_that_cannot_be_used(tokenbooth, monkeypatch, value):
    monkeypatch.setenv("HTTPS_PROXY", value)

    ended = tokenbooth("doctor", "--issuer", "https://auth.example", "--json")

    assert (ended.code, ended.data["first_failed"]) == (3, "proxy")


# --- TLS ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def secured(authority: trustme.CA, *names: str, **dates: Any):
    """An issuer over TLS, with a certificate for these names."""
    with local_server() as server:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names, **dates).configure_cert(tls)
        inside = server._server
        inside.socket = tls.wrap_socket(inside.socket, server_side=True)
        yield Vendor(server, "https")


@pytest.fixture
def authority(tmp_path, monkeypatch):
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def test_names_the_authorities_and_the_end_of_a_good_certificate(tokenbooth, authority):
    with secured(authority, "localhost") as vendor:
        ended = tokenbooth(*vendor.order())

    assert ended.code == 0, ended.out
    assert "ca.pem (SSL_CERT_FILE)" in found(ended, "trust")["seen"]
    assert re.search(r"TLSv1.*trusted.*good until \d{4}", found(ended, "tls")["seen"])


def test_warns_of_a_certificate_that_ends_soon(tokenbooth, authority):
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    with secured(authority, "localhost", not_after=soon) as vendor:
        ended = tokenbooth(*vendor.order())

    assert ended.code == 0
    assert verdicts(ended)["tls"] == "warning"


def test_says_that_a_certificate_has_expired(tokenbooth, authority):
    with secured(authority, "localhost", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
                 not_before=dt.datetime(2019, 1, 1, tzinfo=dt.UTC)) as vendor:  # fmt: skip
        ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (3, "tls")
    assert "until 2020-01-01" in found(ended, "tls")["seen"]
    assert "Renew" in found(ended, "tls")["causes"][0]
    assert "clock" in found(ended, "tls")["causes"][1]


def test_says_for_which_names_a_certificate_is(tokenbooth, authority):
    with secured(authority, "other.example") as vendor:
        ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (3, "tls")
    assert "other.example" in found(ended, "tls")["causes"][0]
    assert vendor.server.seen == []


def test_an_unknown_authority_leads_to_the_variable_that_names_it(
    tokenbooth, authority, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/company.pem")
    with secured(trustme.CA(), "localhost") as vendor:
        ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (3, "tls")
    assert "SSL_CERT_FILE=/etc/company.pem" in found(ended, "tls")["causes"][0]
    assert "ca.pem" in found(ended, "tls")["causes"][1]


def test_names_a_file_of_authorities_that_cannot_be_loaded(tokenbooth, vendor, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (3, "trust")
    assert "/nowhere.pem" in found(ended, "trust")["seen"]


# --- The issuer -----------------------------------------------------------------------------------


def test_shows_the_expected_issuer_and_the_actual_one(tokenbooth, vendor):
    vendor.metadata["issuer"] = "https://elsewhere.example"

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (1, "discovery")
    assert f"Expected: {vendor.url} - actual: https://elsewhere.example" in ended.out
    assert vendor.server.seen_at("/token") == []


def test_finds_metadata_in_the_appended_form(tokenbooth, vendor):
    issuer = f"{vendor.url}/tenant"
    metadata = {"issuer": issuer, "token_endpoint": f"{vendor.url}/token"}
    vendor.server.on("/tenant/.well-known/openid-configuration", as_json(metadata))

    ended = tokenbooth("doctor", "--issuer", issuer, "--json")

    assert "/tenant/.well-known/openid-configuration" in found(ended, "discovery")["seen"]


def test_a_page_for_people_is_named_as_such(tokenbooth, vendor):
    page = Reply(headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>")
    vendor.server.on(PLACE, page)

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (1, "discovery")
    assert "no JSON object (text/html)" in found(ended, "discovery")["seen"]


def test_an_issuer_without_metadata_is_asked_at_the_token_url(tokenbooth, vendor):
    vendor.server.on(PLACE, Reply(status=404))

    without = tokenbooth(*vendor.order())
    ended = tokenbooth(*vendor.order("--token-url", f"{vendor.url}/token"))

    alone = tokenbooth(
        "doctor", "--token-url", f"{vendor.url}/token", "--client-id", "app",
        "--secret", "env:MY_SECRET", "--json",
    )  # fmt: skip

    assert alone.code == 0
    assert (without.code, without.data["first_failed"]) == (6, "discovery")
    assert ended.code == 0
    assert verdicts(ended)["token"] == "ok"


@pytest.mark.parametrize(("status", "code"), [(503, 9), (429, 8)])
def test_an_issuer_in_trouble_ends_with_its_own_code(tokenbooth, vendor, status, code):
    vendor.server.on(PLACE, Reply(status=status))

    assert tokenbooth(*vendor.order()).code == code


def test_a_redirect_is_shown_and_not_followed(tokenbooth, vendor):
    elsewhere = {"Location": "https://auth.example/.well-known/x?secret=1"}
    vendor.server.on(PLACE, Reply(status=301, headers=elsewhere))

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (1, "redirect")
    assert "https://auth.example/.well-known/x" in found(ended, "redirect")["seen"]
    assert "secret=1" not in ended.out
    assert "https://" in found(ended, "redirect")["causes"][0]


def test_a_redirect_beside_the_metadata_is_no_fault(tokenbooth, vendor):
    vendor.server.on(PLACE, Reply(status=302, headers={"Location": "/login"}))
    vendor.server.on("/.well-known/openid-configuration", as_json(vendor.metadata))

    ended = tokenbooth(*vendor.order())

    assert ended.code == 0
    assert verdicts(ended)["redirect"] == "ok"


@pytest.mark.parametrize(("ahead", "words"), [(-3600, "1 hour ahead of"), (3600, "behind")])
def test_gives_the_difference_between_the_clocks(tokenbooth, vendor, ahead, words):
    date = formatdate(time.time() + ahead, usegmt=True)

    def answer(_: Seen) -> Reply:
        return as_json(vendor.metadata, Date=date)

    vendor.server._server.RequestHandlerClass = type(
        "Silent",
        (vendor.server._server.RequestHandlerClass,),
        {"date_time_string": lambda self, timestamp=None: date},
    )
    vendor.server.on(PLACE, answer)

    ended = tokenbooth(*vendor.order())

    assert verdicts(ended)["clock"] == "warning"
    assert words in found(ended, "clock")["seen"]
    assert ended.code == 0


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=404), 1),
        (Reply(status=500), 9),
        (Reply(body=b"<html>"), 9),
        (as_json({"keys": []}), 9),
    ],
)
def test_keys_that_cannot_be_had_are_a_failure(tokenbooth, vendor, reply, code):
    vendor.metadata["jwks_uri"] = f"{vendor.url}/jwks"
    vendor.server.on("/jwks", reply)

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (code, "keys")


# --- The token ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        (401, {"error": "invalid_client"}, 4, "Check client ID and secret"),
        (400, {"error": "invalid_client"}, 4, "Check client ID and secret"),
        (400, {"error": "invalid_scope"}, 5, "scopes"),
        (400, {"error": "invalid_target"}, 5, "--resource"),
        (400, {"error": "unauthorized_client"}, 5, "client credentials grant"),
        (400, {"error": "unsupported_grant_type"}, 1, "token URL"),
        (400, {"error": "invalid_request"}, 1, "--dialect"),
        (429, {}, 8, "Keep tokens"),
        (404, {}, 6, "token URL"),
        (302, {}, 1, "--token-url"),
        (503, {}, 9, "Try again later"),
        (200, {}, 9, "--dialect"),
    ],
)
def test_each_refusal_has_its_code_and_its_likeliest_cause(tokenbooth, vendor, case):
    status, document, code, cause = case
    vendor.server.on("/token", as_json(document, status, X_Request_Id="r-42"))

    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api"))

    assert (ended.code, ended.data["first_failed"]) == (code, "token")
    finding = found(ended, "token")
    assert cause in finding["causes"][0]
    assert "tokenbooth explain r-42" in finding["causes"][-1] or status == 200
    assert verdicts(ended)["api"] == "skipped"
    assert vendor.server.seen_at("/api") == []


def takes_only_the_body(seen: Seen) -> Reply:
    if "client_secret" in seen.form:
        return as_json(GOOD)
    return as_json({"error": "invalid_client"}, 401)


def test_finds_the_method_that_works_where_the_server_lists_it(tokenbooth, vendor):
    methods = ["client_secret_basic", "client_secret_post"]
    vendor.metadata["token_endpoint_auth_methods_supported"] = methods
    vendor.server.on("/token", takes_only_the_body)

    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api"))

    assert (ended.code, ended.data["first_failed"]) == (4, "token")
    assert 'auth_method="body"' in found(ended, "token")["causes"][0]
    assert verdicts(ended)["api"] == "ok"
    assert len(vendor.server.seen_at("/token")) == 2


def test_tries_no_other_method_that_the_server_does_not_list(tokenbooth, vendor):
    vendor.server.on("/token", takes_only_the_body)

    ended = tokenbooth(*vendor.order())

    assert "--auth-method body" in "".join(found(ended, "token")["causes"])
    assert len(vendor.server.seen_at("/token")) == 1


def test_says_when_both_methods_are_refused(tokenbooth, vendor):
    methods = ["client_secret_basic", "client_secret_post"]
    vendor.metadata["token_endpoint_auth_methods_supported"] = methods
    vendor.server.on("/token", as_json({"error": "invalid_client"}, 401))

    ended = tokenbooth(*vendor.order())

    assert "basic and body" in found(ended, "token")["causes"][0]
    assert len(vendor.server.seen_at("/token")) == 2


def test_says_what_the_token_lacks_and_how_short_it_lives(tokenbooth, vendor):
    vendor.server.on("/token", as_json({**GOOD, "expires_in": 20}))

    ended = tokenbooth(*vendor.order("--scope", "a b"))

    assert ended.code == 0
    finding = found(ended, "content")
    assert finding["verdict"] == "warning"
    assert "scope b" in "".join(finding["causes"])
    assert "renewed all the time" in "".join(finding["causes"])


def test_speaks_a_dialect(tokenbooth, vendor):
    vendor.server.on("/token", as_json({"Token": "abc", "TokenType": "bearer", "ExpiresIn": 3599}))

    assert tokenbooth(*vendor.order("--dialect", "trulioo-platform")).code == 0
    wrong = tokenbooth(*vendor.order())
    assert "trulioo-platform" in found(wrong, "token")["seen"]


def unsigned(**claims: Any) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"ES256","typ":"at+jwt"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    return f"{head.decode()}.{body.decode()}.{'A' * 86}"


def test_a_token_that_an_api_would_refuse_is_a_failure(tokenbooth, vendor):
    expired = unsigned(iss=vendor.url, exp=time.time() - 7200, aud="https://api.example")
    vendor.server.on("/token", as_json({**GOOD, "access_token": expired}))

    ended = tokenbooth(*vendor.order())

    assert (ended.code, ended.data["first_failed"]) == (4, "content")
    assert "expired" in found(ended, "content")["seen"]
    assert expired not in ended.out


def test_a_lifetime_in_milliseconds_is_noticed(tokenbooth, vendor):
    token = unsigned(iss=vendor.url, exp=time.time() + 3600, aud="https://api.example")
    answer = {**GOOD, "access_token": token, "expires_in": 3_600_000}
    vendor.server.on("/token", as_json(answer))

    ended = tokenbooth(*vendor.order())

    assert "milliseconds" in "".join(found(ended, "content")["causes"])


# --- The API --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        (401, "", 4, "without saying why"),
        (401, "Bearer", 4, "as if no token had reached it"),
        (401, 'Bearer error="invalid_token", error_description="expired"', 4, "invalid_token (exp"),
        (401, 'Basic realm="x"', 4, "another kind of proof"),
        (403, 'Bearer error="insufficient_scope", scope="b c"', 5, "lacks the scope b c"),
        (403, "", 5, "403"),
        (400, 'Bearer error="invalid_request"', 4, "did not arrive whole"),
        (404, "", 6, "404"),
        (302, "", 1, "302"),
        (429, "", 8, "429"),
        (500, "", 9, "500"),
        (405, "", 0, "405"),
    ],
)
def test_explains_what_the_api_answers(tokenbooth, vendor, case):
    status, challenge, code, words = case
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    vendor.server.on("/api", Reply(status=status, headers=headers))

    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api?key=of-the-api"))

    assert ended.code == code
    assert words in found(ended, "api")["seen"]
    assert "of-the-api" not in ended.out + ended.err


def test_an_api_that_cannot_be_reached_has_its_way_examined(tokenbooth, vendor):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        ended = tokenbooth(*vendor.order("--api", f"http://127.0.0.1:{port}/"))

    assert (ended.code, ended.data["first_failed"]) == (3, "api")
    assert ended.data["checks"][-1]["check"] == "tcp"


def test_the_token_goes_to_no_api_in_the_clear(tokenbooth, vendor):
    ended = tokenbooth(*vendor.order("--api", "http://api.invalid/"))

    assert (ended.code, ended.data["first_failed"]) == (2, "api")


# --- Discretion -----------------------------------------------------------------------------------


def test_the_report_can_be_given_away(tokenbooth, vendor, tmp_path):
    vendor.server.on("/token", as_json({**GOOD, "refresh_token": "refresh-of-nobody"}))
    path = tmp_path / "report.txt"

    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api", "--report", str(path)))
    text = path.read_text()
    again = tokenbooth(*vendor.order("--report", str(path)))

    assert ended.code == 0
    assert "All is well." in text
    assert vendor.url in text
    assert_discreet(text)
    assert again.code == 2
    assert path.read_text() == text


@pytest.mark.parametrize("method", ["basic", "basic-raw", "body"])
@pytest.mark.parametrize("pad", [0, 370, 385, 392])
def test_a_server_that_echoes_makes_nothing_secret_seen(tokenbooth, vendor, tmp_path, method, pad):
    def echoing(seen: Seen) -> Reply:
        sent = [seen.headers.get("authorization", ""), *seen.form.get("client_secret", [])]
        text = "x" * pad + " ".join(sent)
        return as_json({"error": "invalid_client", "error_description": text}, 401)

    vendor.server.on("/token", echoing)
    path = tmp_path / "report.txt"

    ended = tokenbooth(*vendor.order("--auth-method", method, "--report", str(path)))

    assert ended.code == 4
    basic = base64.b64encode(f"app:{SECRET}".encode()).decode()
    for text in (ended.out, ended.err, path.read_text()):
        assert_discreet(text)
        assert SECRET[:8] not in text
        assert basic[:8] not in text


def test_an_api_that_echoes_the_token_makes_it_not_seen(tokenbooth, vendor):
    def echoing(seen: Seen) -> Reply:
        said = f'Bearer error="invalid_token", error_description="{seen.headers["authorization"]}"'
        return Reply(status=401, headers={"WWW-Authenticate": said})

    vendor.server.on("/api", echoing)

    ended = tokenbooth(*vendor.order("--api", f"{vendor.url}/api"))

    assert "***" in found(ended, "api")["seen"]
    assert_discreet(ended.out, ended.err)


def replies() -> st.SearchStrategy[Reply]:
    texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=20) | st.just(SECRET)
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )
    names = st.sampled_from(
        ["issuer", "token_endpoint", "jwks_uri", "keys", "access_token", "expires_in", "scope",
         "token_type", "error", "error_description", "grant_types_supported", "refresh_token"]
    )  # fmt: skip
    documents = st.dictionaries(names, values | st.just("eyJhbGciOiJFUzI1NiJ9.e30.AA"), max_size=6)
    bodies = documents.map(lambda each: json.dumps(each).encode()) | st.binary(max_size=60)
    header = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
    headers = st.dictionaries(
        st.sampled_from(["WWW-Authenticate", "Location", "Age", "Retry-After", "X-Request-Id"]),
        header | st.just(f'Bearer error="{SECRET}"'),
        max_size=3,
    )
    statuses = st.sampled_from([200, 200, 200, 201, 301, 400, 401, 403, 404, 429, 500, 503])
    return st.builds(Reply, status=statuses, headers=headers, body=bodies)


@given(reply=replies(), path=st.sampled_from([PLACE, "/jwks", "/token", "/api"]))
@settings(max_examples=25)
def test_no_answer_makes_a_traceback_or_shows_the_secret(reply, path):
    with local_server() as server:
        vendor = Vendor(server)
        vendor.metadata["jwks_uri"] = f"{vendor.url}/jwks"
        server.on(path, reply)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            os.environ["MY_SECRET"] = SECRET
            code = run(vendor.order("--api", f"{vendor.url}/api", "--timeout", "5"))

    said = out.getvalue() + err.getvalue()
    assert code in range(10)
    assert "defect" not in said
    assert "Traceback" not in said
    assert_discreet(said)
