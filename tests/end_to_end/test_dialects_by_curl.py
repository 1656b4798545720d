"""The cURL lines of the vendors' pages, with nothing replaced but host and credentials."""

import base64
import json
import socket

import pytest

from tests.end_to_end.service import Service, curl, eventually, shell

# issuer -> how the page asks, and what it says comes back
PAGES = {
    "default": {
        "path": "/oauth2/token",
        "basic": True,
        "scope": "",
        "members": {"access_token", "token_type", "expires_in", "scope"},
        "token": "access_token",
        "type": ("token_type", "Bearer"),
        "lifetime": ("expires_in", 3600),
        "granted": "demo:read",
        "content_type": "application/json",
        "pragma": None,
    },
    "trulioo-platform": {
        "path": "/connect/token",
        "basic": False,
        "scope": "workflow.studio.api",
        "members": {"Token", "TokenType", "ExpiresIn", "scope"},
        "token": "Token",
        "type": ("TokenType", "bearer"),
        "lifetime": ("ExpiresIn", 3599),
        "granted": "workflow.studio.api",
        "content_type": "application/json",
        "pragma": None,
    },
    "trulioo-normalized": {
        "path": "/connect/token",
        "basic": False,
        "scope": "",
        "members": {"access_token", "expires_in", "token_type", "scope"},
        "token": "access_token",
        "type": ("token_type", "Bearer"),
        "lifetime": ("expires_in", 1800),
        "granted": "napi.api",
        "content_type": "application/json;charset=UTF-8",
        "pragma": "no-cache",
    },
    "truphone": {
        "path": "/auth/realms/tru-staff/protocol/openid-connect/token",
        "basic": False,
        "scope": "",
        "members": {
            "access_token",
            "token_type",
            "expires_in",
            "scope",
            "refresh_token",
            "refresh_expires_in",
        },
        "token": "access_token",
        "type": ("token_type", "Bearer"),
        "lifetime": ("expires_in", 300),
        "granted": "connect:read",
        "content_type": "application/json",
        "pragma": None,
    },
    "jwt-basic": {
        "path": "/oauth/v2/token",
        "basic": True,
        "scope": "",
        "members": {"access_token", "token_type", "expires_in", "scope"},
        "token": "access_token",
        "type": ("token_type", "Bearer"),
        "lifetime": ("expires_in", 3600),
        "granted": "demo:read",
        "content_type": "application/json",
        "pragma": None,
    },
    "self-service": {
        "path": "/oauth2/token",
        "basic": True,
        "scope": "persons:read",
        "members": {"access_token", "token_type", "expires_in", "scope"},
        "token": "access_token",
        "type": ("token_type", "Bearer"),
        "lifetime": ("expires_in", 3600),
        "granted": "persons:read",
        "content_type": "application/json",
        "pragma": None,
    },
}
ISSUERS = tuple(PAGES)

# issuer -> status and body for wrong credentials
WRONG_SECRET = {
    "trulioo-normalized": (400, {"error": "invalid_client"}),
    "jwt-basic": (401, None),
    "self-service": (401, {"error": "invalid_client", "error_description": "Bad credentials"}),
    "default": (401, None),
    "truphone": (401, None),
    "trulioo-platform": (401, None),
}


def _ask(demo: Service, issuer: str, client, *, grant: str = "client_credentials", secret=None):
    page = PAGES[issuer]
    secret = secret or client.secret
    form = f"grant_type={grant}" + (f"&scope={page['scope']}" if page["scope"] else "")
    url = demo.issuer_url(issuer) + page["path"]
    if page["basic"]:
        return curl("-X", "POST", "-u", f"{client.client_id}:{secret}", "-d", form, url)
    return curl("--data", f"{form}&client_id={client.client_id}&client_secret={secret}", url)


@pytest.mark.parametrize("issuer", ISSUERS)
def test_answers_a_token_request_as_the_page_shows(demo, demo_clients, issuer):
    page = PAGES[issuer]
    answer = _ask(demo, issuer, demo_clients[issuer])
    assert answer.status == 200
    members = answer.json()
    assert set(members) == page["members"]
    assert members[page["type"][0]] == page["type"][1]
    assert members[page["lifetime"][0]] == page["lifetime"][1]
    assert members["scope"] == page["granted"]
    assert answer.headers["content-type"] == page["content_type"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("pragma") == page["pragma"]


def test_says_how_long_a_truphone_refresh_token_lives(demo, demo_clients):
    members = _ask(demo, "truphone", demo_clients["truphone"]).json()
    assert members["refresh_expires_in"] == 1800


@pytest.mark.parametrize("issuer", ISSUERS)
def test_refuses_a_wrong_secret_as_the_page_shows(demo, demo_clients, issuer):
    answer = _ask(demo, issuer, demo_clients[issuer], secret="12345x2e0-wrong")
    status, body = WRONG_SECRET[issuer]
    assert answer.status == status
    assert answer.json()["error"] == "invalid_client"
    if body is not None:
        assert answer.json() == body
    assert answer.headers["content-type"] == PAGES[issuer]["content_type"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("pragma") == PAGES[issuer]["pragma"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("grant", ["password", "implicit", "authorization_code", "nonsense"])
def test_refuses_every_other_grant(demo, demo_clients, issuer, grant):
    answer = _ask(demo, issuer, demo_clients[issuer], grant=grant)
    assert answer.status == 400
    assert answer.json()["error"] == "unsupported_grant_type"


def test_the_normalized_api_names_nothing_but_the_error(demo, demo_clients):
    answer = _ask(demo, "trulioo-normalized", demo_clients["trulioo-normalized"], grant="nonsense")
    assert answer.json() == {"error": "unsupported_grant_type"}


@pytest.mark.parametrize("issuer", ISSUERS)
def test_the_demo_api_answers_200_401_and_403(demo, demo_clients, issuer):
    token = _ask(demo, issuer, demo_clients[issuer]).json()[PAGES[issuer]["token"]]
    api = f"{demo.url}/demo/{issuer}"
    good = curl("-H", f"Authorization: Bearer {token}", f"{api}/whoami")
    assert good.status == 200
    assert good.json()["client_id"] == "demo"
    assert good.json()["scope"] == PAGES[issuer]["granted"]
    assert good.json()["issuer"] == demo.issuer_url(issuer)
    lacking = curl("-H", f"Authorization: Bearer {token}", f"{api}/admin")
    assert lacking.status == 403
    assert 'error="insufficient_scope"' in lacking.headers["www-authenticate"]
    assert 'scope="demo:admin"' in lacking.headers["www-authenticate"]
    bad = curl("-H", f"Authorization: Bearer {token[:-4]}AAAA", f"{api}/whoami")
    assert bad.status == 401
    assert 'error="invalid_token"' in bad.headers["www-authenticate"]
    none = curl(f"{api}/whoami")
    assert none.status == 401
    assert none.headers["www-authenticate"].startswith("Bearer")
    assert "error" not in none.headers["www-authenticate"]


def test_a_token_of_one_issuer_is_no_good_at_the_api_of_another(demo, demo_clients):
    token = _ask(demo, "jwt-basic", demo_clients["jwt-basic"]).json()["access_token"]
    for other in set(ISSUERS) - {"jwt-basic"}:
        answer = curl("-H", f"Authorization: Bearer {token}", f"{demo.url}/demo/{other}/whoami")
        assert answer.status == 401, other


def test_the_self_service_api_refuses_in_the_words_of_its_page(demo):
    answer = curl("-H", "Authorization: Bearer x.y.z", f"{demo.url}/demo/self-service/whoami")
    assert answer.status == 401
    assert answer.json() == {
        "error": "invalid_token",
        "error_description": "Invalid Token: token not found, expired or invalid",
    }


def test_the_platform_token_carries_its_expiry(demo, demo_clients):
    answer = _ask(demo, "trulioo-platform", demo_clients["trulioo-platform"])
    payload = answer.json()["Token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] - claims["iat"] == 3599


def test_the_normalized_token_is_opaque(demo, demo_clients):
    members = _ask(demo, "trulioo-normalized", demo_clients["trulioo-normalized"]).json()
    assert "." not in members["access_token"]


def test_a_new_token_leaves_the_older_one_valid(demo, demo_clients):
    for issuer in ISSUERS:
        older, newer = (
            _ask(demo, issuer, demo_clients[issuer]).json()[PAGES[issuer]["token"]]
            for _ in range(2)
        )
        assert older != newer
        for token in (newer, older):
            answer = curl(
                "-H", f"Authorization: Bearer {token}", f"{demo.url}/demo/{issuer}/whoami"
            )
            assert answer.status == 200, issuer


def test_the_platform_request_works_byte_by_byte(demo, demo_clients):
    secret = demo_clients["trulioo-platform"].secret
    # The page percent-encodes a character of its secret; any may be.
    encoded = "".join(f"%{ord(c):02X}" if c == "_" else c for c in secret)
    body = (
        "grant_type=client_credentials&scope=workflow.studio.api"
        f"&client_id=demo&client_secret={encoded}"
    )
    request = (
        "POST /trulioo-platform/connect/token HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{demo.port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n"
        "\r\n"
        f"{body}"
    )
    with socket.create_connection(("127.0.0.1", demo.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    assert answer.startswith("HTTP/1.1 200 ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["ExpiresIn"] == 3599


def test_the_legacy_api_takes_credentials_on_every_call(demo, demo_clients):
    client, url = demo_clients["trulioo-normalized"], f"{demo.url}/demo/trulioo-normalized/legacy"
    for _ in range(3):
        answer = curl("-u", f"demo:{client.secret}", url)
        assert answer.status == 200
        assert answer.json()["client_id"] == "demo"
    assert curl("-u", "demo:wrong", url).status == 401
    assert curl("-u", f"stranger:{client.secret}", url).status == 401
    assert curl(url).status == 401


def test_the_legacy_api_asks_for_no_token_per_call(demo):
    client = demo.register("demo", issuer="trulioo-normalized")
    url = f"{demo.url}/demo/trulioo-normalized/legacy"
    for _ in range(10):
        assert demo.http.get(url, auth=client.basic).status_code == 200
    mine = [line for line in demo.log.splitlines() if f'"{client.client_id}"' in line]
    assert sum('"endpoint":"token"' in line for line in mine) == 1


def test_only_the_legacy_api_takes_credentials(demo, demo_clients):
    secret = demo_clients["trulioo-normalized"].secret
    answer = curl("-u", f"demo:{secret}", f"{demo.url}/demo/trulioo-normalized/whoami")
    assert answer.status == 401


TRUPHONE = r"""
export ACCESS_TOKEN=`curl -s --data \
  "grant_type=client_credentials&client_id=CLIENT&client_secret=SECRET" \
  HOST/auth/realms/tru-staff/protocol/openid-connect/token \
  | sed 's/.*access_token":"\([^"]*\).*/\1/'`
echo $ACCESS_TOKEN # view the access token
curl -s -H "Authorization: Bearer $ACCESS_TOKEN" API
"""

TRUPHONE_REFRESH = r"""
export ACCESS_TOKEN=`curl -s --data \
  "grant_type=refresh_token&refresh_token=REFRESH&client_id=CLIENT&client_secret=SECRET" \
  HOST/auth/realms/tru-staff/protocol/openid-connect/token \
  | sed 's/.*access_token":"\([^"]*\).*/\1/'`
echo $ACCESS_TOKEN # view the access token
curl -s -H "Authorization: Bearer $ACCESS_TOKEN" API
"""


def _truphone(script: str, demo: Service, secret: str, refresh: str = "") -> tuple[str, str]:
    for name, value in (
        ("REFRESH", refresh),
        ("CLIENT", "demo"),
        ("SECRET", secret),
        ("HOST", demo.issuer_url("truphone")),
        ("API", f"{demo.url}/demo/truphone/whoami"),
    ):
        script = script.replace(name, value)
    token, _, called = shell(script).partition("\n")
    return token, called


def test_the_truphone_pipeline_gets_a_token_and_calls_the_api(demo, demo_clients):
    token, called = _truphone(TRUPHONE, demo, demo_clients["truphone"].secret)
    assert token.count(".") == 2
    assert json.loads(called)["client_id"] == "demo"


def test_the_truphone_pipeline_refreshes(demo, demo_clients):
    first = _ask(demo, "truphone", demo_clients["truphone"]).json()
    secret = demo_clients["truphone"].secret
    token, called = _truphone(TRUPHONE_REFRESH, demo, secret, first["refresh_token"])
    assert token not in ("", first["access_token"])
    assert json.loads(called)["client_id"] == "demo"


def test_postman_may_ask_truphone_for_the_scope_profile(demo, demo_clients):
    client = demo_clients["truphone"]
    url = demo.issuer_url("truphone") + PAGES["truphone"]["path"]
    form = (
        f"grant_type=client_credentials&scope=profile&client_id=demo&client_secret={client.secret}"
    )
    answer = curl("--data", form, url)
    assert answer.status == 200
    assert answer.json()["scope"] == "connect:read"


def test_the_self_service_line_works_with_several_scopes(demo, demo_clients):
    client = demo.register("demo", issuer="self-service", client_id="several-scopes")
    script = rf"""
curl -s -X POST \
     -H "Content-Type: application/x-www-form-urlencoded" \
     -d 'grant_type=client_credentials&scope=persons:read demo:admin' \
     -u "{client.client_id}:{client.secret}" \
     {demo.issuer_url("self-service")}/oauth2/token
"""
    members = json.loads(shell(script))
    assert members["scope"] == "persons:read demo:admin"
    assert members["token_type"] == "Bearer"
    assert members["expires_in"] == 3600
    call = curl(
        "-X",
        "GET",
        "-H",
        f"Authorization: Bearer {members['access_token']}",
        f"{demo.url}/demo/self-service/admin",
    )
    assert call.status == 200


def test_a_consumer_may_choose_its_own_client_id(demo):
    made = demo.told(
        "clients", "create", "--issuer", "jwt-basic", "--api", "demo", "--id", "chosen.by-me"
    )
    assert made["client_id"] == "chosen.by-me"
    answer = curl(
        "-u",
        f"chosen.by-me:{made['client_secret']}",
        "-d",
        "grant_type=client_credentials",
        f"{demo.url}/jwt-basic/oauth/v2/token",
    )
    assert answer.status == 200


def test_an_issuer_that_owns_a_host_has_the_path_of_the_page_at_its_root(demo):
    owned = f"http://auth-api.localhost:{demo.port}"
    demo.told(
        "issuers", "create", "owned", "--dialect", "trulioo-normalized", "--issuer-url", owned
    )
    demo.told(
        *("apis", "create", "napi", "--issuer", "owned"),
        *("--audience", "https://api.owned.example", "--scopes", "napi.api"),
    )
    made = demo.told("clients", "create", "--issuer", "owned", "--api", "napi")
    assert made["token_endpoint"] == f"{owned}/connect/token"
    eventually(lambda: demo.http.get("/owned/.well-known/jwks.json").status_code == 200)
    form = (
        f"client_id={made['client_id']}&client_secret={made['client_secret']}"
        "&grant_type=client_credentials"
    )
    here = f"auth-api.localhost:{demo.port}:127.0.0.1"
    answer = curl("--resolve", here, "--data", form, f"{owned}/connect/token")
    assert answer.status == 200
    assert answer.json()["scope"] == "napi.api"
    document = curl("--resolve", here, f"{owned}/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == owned
    assert document["token_endpoint"] == f"{owned}/connect/token"
    # At the root of any other host that path means nothing.
    assert curl("--data", form, f"{demo.url}/connect/token").status == 404
