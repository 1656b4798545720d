"""Whatever is sent to the token endpoint, the answer is an exact OAuth error and never a 5xx."""

import base64
import time

import pytest

from tests.end_to_end.service import eventually
from tokenbooth.management.clients.clients import set_enabled
from tokenbooth.management.clients.credentials import add_secret, remove_credential

FORM_TYPE = "application/x-www-form-urlencoded"
GRANT = "grant_type=client_credentials"


@pytest.fixture(scope="module")
def client(demo):
    demo.add_api("inputs", "inputs:read")
    return demo.register("inputs", client_id="input")


@pytest.fixture(autouse=True)
def still_serves(demo, client):
    """After every single piece of bad input the next good request is served."""
    yield
    assert demo.token(client).status_code == 200


def _send(demo, body, *, content_type=FORM_TYPE, authorization=None, path="/oauth2/token"):
    headers = [] if content_type is None else [("Content-Type", content_type)]
    values = [authorization] if isinstance(authorization, str) else authorization or []
    headers += [("Authorization", value) for value in values]
    content = body if isinstance(body, bytes) else body.encode()
    answer = demo.http.post(path, content=content, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return answer


def _refused(answer, status: int, code: str) -> str:
    members = answer.json()
    assert (answer.status_code, members["error"]) == (status, code)
    assert set(members) <= {"error", "error_description"}
    description = members.get("error_description", "")
    # RFC 6749 §5.2: printable ASCII without the quote and the backslash.
    assert all(" " <= c <= "~" and c not in '"\\' for c in description)
    return description


def _basic(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return "Basic " + base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"grant_type":"client_credentials"}'),
        ("multipart/form-data; boundary=x", "--x--"),
        ("text/plain", GRANT),
        (None, GRANT),
        (f"{FORM_TYPE}; charset=utf-16", GRANT),
        (f"{FORM_TYPE}; charset=iso-8859-1", GRANT),
        ("", GRANT),
        ("é", GRANT),
    ],
)
def test_refuses_a_body_that_is_no_utf8_form(demo, client, content_type, body):
    if content_type == "é":
        content_type = "é".encode()
    answer = _send(
        demo, body, content_type=content_type, authorization=_basic(":".join(client.basic))
    )
    _refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    "content_type", [f"{FORM_TYPE}; charset=UTF-8", FORM_TYPE.upper(), f"{FORM_TYPE};charset=utf8"]
)
def test_takes_a_form_however_its_type_is_written(demo, client, content_type):
    answer = _send(
        demo, GRANT, content_type=content_type, authorization=_basic(":".join(client.basic))
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "twice",
    [
        "grant_type=client_credentials",
        "scope=inputs:read&scope=inputs:read",
        "client_id=input&client_id=input",
        "foo=1&foo=2",
        "scope=&scope=inputs:read",
    ],
)
def test_refuses_a_parameter_that_comes_twice(demo, client, twice):
    answer = demo.post("/oauth2/token", f"{GRANT}&{twice}", client)
    _refused(answer, 400, "invalid_request")


def test_refuses_a_secret_that_comes_twice(demo, client):
    secret = f"client_secret={client.secret}"
    answer = demo.post("/oauth2/token", f"{GRANT}&client_id=input&{secret}&{secret}")
    _refused(answer, 400, "invalid_request")


def test_ignores_what_it_does_not_know(demo, client):
    answer = demo.post("/oauth2/token", f"{GRANT}&foo=bar", client)
    assert answer.status_code == 200


def test_takes_a_parameter_without_a_value_for_absent(demo, client):
    assert demo.post("/oauth2/token", f"{GRANT}&scope=&client_secret=", client).status_code == 200
    _refused(demo.post("/oauth2/token", "grant_type=", client), 400, "invalid_request")
    _refused(demo.post("/oauth2/token", "", client), 400, "invalid_request")


def test_refuses_two_ways_to_authenticate(demo, client):
    both = f"{GRANT}&client_secret={client.secret}"
    _refused(demo.post("/oauth2/token", both, client), 400, "invalid_request")
    both += "&client_id=input"
    _refused(demo.post("/oauth2/token", both, client), 400, "invalid_request")


def test_refuses_two_authorization_headers(demo, client):
    good = _basic(":".join(client.basic))
    for pair in ([good, good], [good, "Bearer x"], ["Bearer x", good]):
        _refused(_send(demo, GRANT, authorization=pair), 400, "invalid_request")


def test_refuses_to_be_two_clients(demo, client):
    answer = demo.post("/oauth2/token", f"{GRANT}&client_id=demo", client)
    _refused(answer, 400, "invalid_request")
    assert demo.post("/oauth2/token", f"{GRANT}&client_id=input", client).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic !!!",
        "Basic aW5wdXQ",
        _basic("no colon"),
        _basic(":secret"),
        _basic(":"),
        _basic(b"\xff\xfe:\xfa"),
        _basic("input:wrong\n"),
        _basic("input:\x00"),
        _basic("x" * 7000 + ":" + "y" * 3000),
        "Basic " + "A" * 10_240,
        "Bearer abc",
        "Digest username=x",
        "nonsense",
        "",
        "Basic \u00e9".encode("latin-1"),
        _basic("%ff%fe:%fa"),
        _basic("%:%"),
    ],
)
def test_refuses_a_malformed_authorization_header(demo, authorization):
    answer = _send(demo, GRANT, authorization=[authorization])
    _refused(answer, 401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_takes_the_scheme_in_any_case(demo, client):
    value = _basic(":".join(client.basic)).removeprefix("Basic ")
    for scheme in ("basic", "BASIC", "bAsIc"):
        assert _send(demo, GRANT, authorization=f"{scheme} {value}").status_code == 200


def test_takes_basic_raw_and_form_encoded(demo, client):
    encoded = "".join(f"%{ord(c):02X}" for c in client.secret)
    assert _send(demo, GRANT, authorization=_basic(f"input:{encoded}")).status_code == 200
    assert _send(demo, GRANT, authorization=_basic(f"input:{client.secret}")).status_code == 200


@pytest.mark.parametrize(
    "secret", ["a+b", "a/b", "a%b", "a%2", "a:b", "é", "a b", "ключ", "🔑", "a\nb", "%%%"]
)
def test_a_wrong_secret_of_any_characters_is_refused_alike(demo, client, secret):
    plain = demo.post("/oauth2/token", f"{GRANT}", ("input", "wrong"))
    for raw in (secret, "".join(f"%{b:02X}" for b in secret.encode())):
        by_header = _send(demo, GRANT, authorization=_basic(f"input:{raw}"))
        _refused(by_header, 401, "invalid_client")
        assert by_header.content == plain.content
    by_body = demo.post(
        "/oauth2/token",
        {"grant_type": "client_credentials", "client_id": "input", "client_secret": secret},
    )
    _refused(by_body, 401, "invalid_client")
    assert by_body.content == plain.content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (f"{GRANT}&scope=%", "invalid_request"),
        (f"{GRANT}&scope=%zz", "invalid_request"),
        (f"{GRANT}&%2", "invalid_request"),
        (f"{GRANT}&scope=%ff%fe", "invalid_request"),
        (f"{GRANT}&scope=%00", "invalid_scope"),
        (f"{GRANT}&sc%00ope=x", "invalid_request"),
        (f"{GRANT}&scope=%0d%0aSet-Cookie:x", "invalid_scope"),
        (f"{GRANT}&scope=%22%5c", "invalid_scope"),
        ("grant_type=client_credentials%00", "unsupported_grant_type"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"),
        ("grant_type=client-credentials", "unsupported_grant_type"),
        ("grant_type=" + "x" * 5000, "unsupported_grant_type"),
        (f"{GRANT}&scopes=inputs:read", "invalid_request"),
        ("&".join(["a=1"] * 100), "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(100)), "invalid_request"),
        ("=", "invalid_request"),
        ("&&&", "invalid_request"),
        ("\x00\x01\x02", "invalid_request"),
        (b"\xff\xfe", "invalid_request"),
    ],
)
def test_refuses_a_broken_form_exactly(demo, client, body, code):
    answer = _send(demo, body, authorization=_basic(":".join(client.basic)))
    _refused(answer, 400, code)


@pytest.mark.parametrize("where", ["client_id", "client_secret"])
def test_nul_in_credentials_is_refused(demo, client, where):
    form = {"grant_type": "client_credentials", **client.in_body}
    form[where] += "\x00"
    _refused(demo.post("/oauth2/token", form), 401, "invalid_client")


def test_a_secret_in_the_address_is_refused_with_the_advice_to_rotate_it(demo, client):
    query = f"{GRANT}&client_id=input&client_secret={client.secret}"
    for body in ("", GRANT, {"grant_type": "client_credentials", **client.in_body}):
        answer = demo.post(f"/oauth2/token?{query}", body)
        _refused(answer, 400, "invalid_request")
        assert "Rotate this secret" in answer.text
    assert client.secret not in demo.log


def test_says_when_no_authentication_came(demo):
    assert "client_id" in _refused(demo.post("/oauth2/token", GRANT), 401, "invalid_client")
    named = demo.post("/oauth2/token", f"{GRANT}&client_id=input")
    _refused(named, 401, "invalid_client")


def test_hostile_words_never_come_back_raw(demo, client):
    for word in ('"><script>', "\r\nX-Injected: 1", "emoji 🎉", "\\u0000"):
        form = {"grant_type": word, "scope": word, "resource": word}
        answer = demo.post("/oauth2/token", form, client)
        assert answer.status_code == 400
        assert "x-injected" not in answer.headers
        assert "<script>" not in answer.text or '"><' not in answer.text


@pytest.mark.parametrize("issuer", ["default", "truphone", "trulioo-normalized", "self-service"])
def test_unknown_wrong_expired_and_disabled_look_alike(demo, issuer):
    prefix = "" if issuer == "default" else f"/{issuer}"
    client = demo.register("demo", issuer=issuer)
    disabled = demo.register("demo", issuer=issuer)
    brief = demo.manage(
        lambda b: add_secret(b, client.client_id, issuer=issuer, expires_in=0.5)
    ).client_secret.reveal()
    removed = demo.manage(lambda b: add_secret(b, client.client_id, issuer=issuer))
    demo.manage(
        lambda b: remove_credential(b, client.client_id, removed.credential_id, issuer=issuer)
    )
    demo.manage(lambda b: set_enabled(b, disabled.client_id, enabled=False, issuer=issuer))
    time.sleep(0.6)
    refused = {
        "unknown client": ("nobody", client.secret),
        "another's secret": (client.client_id, disabled.secret),
        "no secret of ours": (client.client_id, "wrong"),
        "empty": (client.client_id, ""),
        "expired": (client.client_id, brief),
        "removed": (client.client_id, removed.client_secret.reveal()),
        "disabled": disabled.basic,
    }
    eventually(lambda: demo.token(disabled).status_code in (400, 401))
    for by_header in (True, False):
        seen = {}
        for name, (client_id, secret) in refused.items():
            if not by_header and not secret:
                continue  # a parameter without a value is absent
            form = {"grant_type": "client_credentials"}
            if not by_header:
                form |= {"client_id": client_id, "client_secret": secret}
            basic = (client_id, secret) if by_header else None
            answer = demo.post(f"{prefix}/oauth2/token", form, basic)
            assert answer.json()["error"] == "invalid_client", name
            own = {"x-request-id", "date"}
            headers = tuple(sorted((k, v) for k, v in answer.headers.items() if k not in own))
            seen[name] = (answer.status_code, answer.content, headers)
        assert len(set(seen.values())) == 1, seen
