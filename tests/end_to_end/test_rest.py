"""The management API over HTTP, with the real program."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.end_to_end.service import Registered, Service, eventually, running
from tokenbooth.client import TokenSource
from tokenbooth.management.rights import RIGHTS
from tokenbooth.protocol.secret import Secret

ALL = tuple(RIGHTS)
PROBLEM = "application/problem+json"
# The urllib3-future that comes with niquests has no such keys; they are only counted.
_SCHEMATHESIS = """
from schemathesis.cli import schemathesis
from schemathesis.transport import requests
requests._count_opened_connections = lambda session: 0
schemathesis()
"""
# Method, path, body and scope of every operation. The path parameters name what is not there, so
# that a caller with the right scope changes nothing.
OPERATIONS = [
    ("GET", "/issuers", None, "issuers:read"),
    ("POST", "/issuers", {"name": "NO"}, "issuers:write"),
    ("GET", "/issuers/none", None, "issuers:read"),
    ("PATCH", "/issuers/none", {}, "issuers:write"),
    ("POST", "/issuers/none/revoke-tokens", None, "issuers:write"),
    ("GET", "/apis", None, "apis:read"),
    ("POST", "/apis", {"name": "-", "audience": "x", "scopes": []}, "apis:write"),
    ("GET", "/apis/none", None, "apis:read"),
    ("PATCH", "/apis/none", {}, "apis:write"),
    ("POST", "/apis/none/scopes", {"scopes": ["a"]}, "apis:write"),
    ("DELETE", "/apis/none", None, "apis:write"),
    ("GET", "/clients", None, "clients:read"),
    ("POST", "/clients", {"apis": ["none"]}, "clients:write"),
    ("GET", "/clients/none", None, "clients:read"),
    ("PATCH", "/clients/none", {}, "clients:write"),
    ("DELETE", "/clients/none", None, "clients:write"),
    ("POST", "/clients/none/disable", None, "clients:write"),
    ("POST", "/clients/none/enable", None, "clients:write"),
    ("POST", "/clients/none/revoke-tokens", None, "clients:write"),
    ("PUT", "/clients/none/access/none", {}, "clients:write"),
    ("DELETE", "/clients/none/access/none", None, "clients:write"),
    ("GET", "/clients/none/instructions", None, "clients:read"),
    ("GET", "/clients/none/instructions/none", None, "clients:read"),
    ("GET", "/clients/none/token-preview", None, "clients:read"),
    ("GET", "/clients/none/credentials", None, "clients:read"),
    ("POST", "/clients/none/credentials", {}, "credentials:write"),
    ("POST", "/clients/none/credentials/public-keys", {}, "credentials:write"),
    ("POST", "/clients/none/credentials/certificates", {}, "credentials:write"),
    ("POST", "/clients/none/credentials/federated-identities", {}, "credentials:write"),
    ("POST", "/clients/none/credentials/rotate", {}, "credentials:write"),
    ("GET", "/clients/none/credentials/none", None, "clients:read"),
    ("PATCH", "/clients/none/credentials/none", {}, "credentials:write"),
    ("DELETE", "/clients/none/credentials/none", None, "credentials:write"),
    ("POST", "/clients/none/credentials/none/revoke-tokens", None, "credentials:write"),
    ("GET", "/clients/none/rotation", None, "clients:read"),
    ("POST", "/clients/none/rotation/finish", None, "credentials:write"),
    ("POST", "/clients/none/rotation/cancel", None, "credentials:write"),
    ("GET", "/reminders", None, "clients:read"),
    ("GET", "/access-requests", None, "requests:read"),
    (
        "POST",
        "/access-requests",
        {"client": "none", "api": "none", "reason": "why"},
        "requests:write",
    ),
    ("GET", "/access-requests/none", None, "requests:read"),
    ("POST", "/access-requests/none/approve", {}, "requests:decide"),
    ("POST", "/access-requests/none/refuse", {"reason": "why"}, "requests:decide"),
    ("POST", "/access-requests/none/withdraw", {}, "requests:write"),
    ("GET", "/keys", None, "keys:read"),
    ("POST", "/keys/rotate", {"issuer": "none"}, "keys:write"),
    ("DELETE", "/keys/none", None, "keys:write"),
    ("GET", "/accounts", None, "accounts:read"),
    ("POST", "/accounts", {"name": "NO"}, "accounts:write"),
    ("GET", "/accounts/none", None, "accounts:read"),
    ("PATCH", "/accounts/none", {"title": "x"}, "accounts:write"),
    ("DELETE", "/accounts/none", None, "accounts:write"),
    ("GET", "/members", None, "members:read"),
    ("GET", "/members/none", None, "members:read"),
    ("PATCH", "/members/none", {"name": "x"}, "members:write"),
    ("DELETE", "/members/none", None, "members:write"),
    ("POST", "/members/none/password-reset", None, "members:write"),
    ("DELETE", "/members/none/second-factor", None, "members:write"),
    ("DELETE", "/members/none/sessions", None, "members:write"),
    ("GET", "/invitations", None, "members:read"),
    ("POST", "/invitations", {"email": "-", "role": "operator"}, "members:write"),
    ("POST", "/invitations/none/renew", None, "members:write"),
    ("DELETE", "/invitations/none", None, "members:write"),
    ("GET", "/audit", None, "audit:read"),
    ("GET", "/audit/head", None, "audit:read"),
    ("GET", "/audit/verification", None, "audit:read"),
    ("GET", "/refusals", None, "audit:read"),
    ("GET", "/refusals/none", None, "audit:read"),
    ("GET", "/usage", None, "audit:read"),
]
each_operation = pytest.mark.parametrize(
    ("method", "path", "body", "scope"), OPERATIONS, ids=[f"{m} {p}" for m, p, _, _ in OPERATIONS]
)


class Management:
    """The management API as one client calls it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.owner = service.register("management", client_id="ops")
        self.token = service.access_token(self.owner)
        self.foreign = service.access_token(service.register("persons"))

    def limited(self, scope: str) -> str:
        return self.service.access_token(self.owner, scope=scope)

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx2.Response:
        """Call with the owner's token; `token` "" sends none."""
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        json_body = {} if body is None else {"json": body}
        answer = self.service.http.request(
            method, "/api/v1" + path, headers=headers, **json_body, **more
        )
        self.service.confidential |= set(re.findall(r"tbs_\w+", answer.text))
        return answer

    def made(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with running(tmp_path_factory.mktemp("rest")) as service:
        service.add_api("persons", "persons:read persons:write")
        service.add_issuer("sandbox")
        yield Management(service)


def refused(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """Return the problem of an answer, which is one of this status in every respect."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM), answer.text
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:tokenbooth:problem:{problem['code']}"
    assert answer.headers["X-Request-Id"]
    return problem


def named(item: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells an item from others; when it was last used may change meanwhile."""
    return tuple(item[each] for each in ("issuer", "client_id", "name", "kid") if each in item)


# --- Who may do what ------------------------------------------------------------------------------


def test_the_matrix_names_every_operation_of_the_openapi_document(rest: Management) -> None:
    document = rest.call("GET", "/openapi.json", token="").json()

    described = {
        (method.upper(), re.sub(r"\{.+?\}", "none", path)): operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }

    assert described == {(m, p): [{"AccessToken": [scope]}] for m, p, _, scope in OPERATIONS}
    assert document["openapi"].startswith("3.1")


@each_operation
def test_answers_nobody_without_a_token(
    rest: Management, method: str, path: str, body: Any, scope: str
) -> None:
    answer = rest.call(method, path, body, token="")

    refused(answer, 401)
    # RFC 6750 §3.1: no error code where there is no token.
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@each_operation
def test_refuses_a_token_with_every_other_scope(
    rest: Management, method: str, path: str, body: Any, scope: str
) -> None:
    others = " ".join(each for each in ALL if each != scope)

    answer = rest.call(method, path, body, token=rest.limited(others))

    assert refused(answer, 403)["code"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


@each_operation
def test_lets_the_right_scope_alone_through(
    rest: Management, method: str, path: str, body: Any, scope: str
) -> None:
    answer = rest.call(method, path, body, token=rest.limited(scope))

    # What is asked for is not there, or cannot be used; whoever hears that was let in.
    assert answer.status_code in (200, 404, 422), answer.text


@each_operation
def test_refuses_a_token_for_another_api(
    rest: Management, method: str, path: str, body: Any, scope: str
) -> None:
    answer = rest.call(method, path, body, token=rest.foreign)

    assert refused(answer, 401)["code"] == "invalid_token"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_refuses_a_token_of_another_issuer_for_the_same_audience(rest: Management) -> None:
    audience = f"{rest.service.url}/api/v1"
    api = {"name": "impostor", "audience": audience, "scopes": list(ALL), "issuer": "sandbox"}
    rest.made("/apis", api)
    impostor = rest.service.register("impostor", issuer="sandbox")
    rest.service.wait_everywhere(lambda: rest.service.token(impostor).status_code == 200)

    answer = rest.call("GET", "/clients", token=rest.service.access_token(impostor))

    assert refused(answer, 401)["code"] == "invalid_token"


def test_refuses_a_revoked_token_at_once(rest: Management) -> None:
    token = rest.limited("clients:read")
    assert rest.call("GET", "/clients", token=token).status_code == 200

    rest.service.revoke(rest.owner, token)

    assert refused(rest.call("GET", "/clients", token=token), 401)["code"] == "invalid_token"


def test_refuses_the_token_of_a_disabled_client_at_once(rest: Management) -> None:
    made = rest.made("/clients", {"apis": ["management"], "scopes": ["clients:read"]})
    client_id = made["client"]["client_id"]
    token = rest.service.access_token(Registered(client_id=client_id, secret=made["client_secret"]))

    rest.call("POST", f"/clients/{client_id}/disable")

    refused(rest.call("GET", "/clients", token=token), 401)


def test_takes_a_token_that_is_bound_to_a_key_with_its_proof_alone(rest: Management) -> None:
    wanted = {"apis": ["management"], "scopes": ["clients:read"], "dpop_bound": True}
    made = rest.made("/clients", wanted)
    source = TokenSource(
        issuer=rest.service.url,
        client_id=made["client"]["client_id"],
        secret=Secret(made["client_secret"]),
        dpop=True,
    )
    url = f"{rest.service.url}/api/v1/clients"

    with closing(source), httpx2.Client(auth=source.auth, trust_env=False) as http:
        proved = http.get(url)
        token = source.token().access_token
    bare = rest.call("GET", "/clients", token=token)

    assert proved.status_code == 200, proved.text
    refused(bare, 401)


# --- Nobody gives more than it has ----------------------------------------------------------------


def test_a_caller_gives_no_new_client_more_of_this_api_than_it_has(rest: Management) -> None:
    token = rest.limited("clients:write clients:read")
    wanted = {"apis": ["management"], "scopes": ["clients:read", "keys:write"]}

    answer = rest.call("POST", "/clients", wanted, token=token)
    without_scopes = rest.call("POST", "/clients", {"apis": ["management"]}, token=token)
    allowed = rest.call("POST", "/clients", {**wanted, "scopes": ["clients:read"]}, token=token)

    assert refused(answer, 403)["code"] == "insufficient_scope"
    refused(without_scopes, 403)
    assert allowed.status_code == 201


def test_a_caller_widens_no_access_to_this_api_beyond_its_own(rest: Management) -> None:
    token = rest.limited("clients:write")
    client_id = rest.made("/clients", {"apis": ["persons"]})["client"]["client_id"]

    answer = rest.call("PUT", f"/clients/{client_id}/access/management", {}, token=token)

    refused(answer, 403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/credentials", {}),
        ("POST", "/credentials/rotate", {}),
        ("POST", "/credentials/public-keys", {"jwks_uri": "https://keys.example.com/jwks"}),
        ("POST", "/credentials/certificates", {"san_dns": "app.example.com"}),
        (
            "POST",
            "/credentials/federated-identities",
            {"trust": {"issuer": "https://ci.example.com", "rules": ["sub=app"]}},
        ),
    ],
)
def test_a_caller_gets_no_credential_of_a_client_that_may_do_more_than_itself(
    rest: Management, method: str, path: str, body: Any
) -> None:
    token = rest.limited("credentials:write clients:write")

    answer = rest.call(method, f"/clients/ops{path}", body, token=token)

    assert refused(answer, 403)["code"] == "insufficient_scope"


def test_the_management_api_cannot_be_deleted_through_itself(rest: Management) -> None:
    refused(rest.call("DELETE", "/apis/management"), 409)


# --- The resources --------------------------------------------------------------------------------


def test_a_client_made_here_gets_tokens_for_its_api_alone(rest: Management) -> None:
    made = rest.made(
        "/clients", {"client_id": "app", "apis": ["persons"], "scopes": ["persons:read"]}
    )

    answer = rest.service.token(Registered(client_id="app", secret=made["client_secret"]))

    assert answer.json()["scope"] == "persons:read"
    assert made["token_endpoint"] == f"{rest.service.url}/oauth2/token"


def test_a_new_thing_is_found_where_its_location_says(rest: Management) -> None:
    for path, body in (
        ("/issuers", {"name": "test"}),
        ("/apis", {"name": "orders", "audience": "https://o.example", "scopes": ["o:r"]}),
        ("/clients", {"apis": ["persons"], "issuer": "default"}),
    ):
        made = rest.call("POST", path, body)
        found = rest.call("GET", made.headers["Location"].removeprefix("/api/v1"))
        assert (made.status_code, found.status_code) == (201, 200), found.text


def test_access_is_granted_replaced_and_withdrawn(rest: Management) -> None:
    client_id = rest.made("/clients", {"apis": ["persons"]})["client"]["client_id"]
    path = f"/clients/{client_id}/access/persons"

    narrowed = rest.call("PUT", path, {"scopes": ["persons:read"]}).json()["access"]
    withdrawn = rest.call("DELETE", path).status_code
    left = rest.call("GET", f"/clients/{client_id}").json()["access"]

    assert narrowed == [{"api": "persons", "scopes": ["persons:read"]}]
    assert (withdrawn, left) == (204, [])


def test_a_secret_is_rotated_with_an_overlap_and_the_old_one_removed(rest: Management) -> None:
    made = rest.made("/clients", {"client_id": "rotating", "apis": ["persons"]})
    old = Registered(client_id="rotating", secret=made["client_secret"])
    path = "/clients/rotating/credentials"

    rotated = rest.made(f"{path}/rotate", {"overlap": 3600, "label": "2026"})
    new = Registered(client_id="rotating", secret=rotated["new"]["client_secret"])

    assert [each["id"] for each in rotated["ending"]] == [made["credential_id"]]
    assert [rest.service.token(each).status_code for each in (old, new)] == [200, 200]
    assert rest.call("DELETE", f"{path}/{made['credential_id']}").status_code == 204
    rest.service.wait_everywhere(lambda: rest.service.token(old).status_code == 401)
    assert rest.service.token(new).status_code == 200
    assert [each["label"] for each in rest.call("GET", path).json()["items"]] == ["2026"]


def test_a_disabled_client_gets_no_token_until_it_is_enabled_again(rest: Management) -> None:
    made = rest.made("/clients", {"client_id": "paused", "apis": ["persons"]})
    client = Registered(client_id="paused", secret=made["client_secret"])

    assert rest.call("POST", "/clients/paused/disable").json()["enabled"] is False
    rest.service.wait_everywhere(lambda: rest.service.token(client).status_code == 401)
    assert rest.call("POST", "/clients/paused/enable").json()["enabled"] is True
    rest.service.wait_everywhere(lambda: rest.service.token(client).status_code == 200)


def test_a_client_with_public_keys_gets_no_secret_and_a_private_key_is_refused(
    rest: Management,
) -> None:
    public = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    private = {**public, "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}

    made = rest.made("/clients", {"client_id": "keyed", "apis": ["persons"], "jwks": public})
    answer = rest.call("POST", "/clients/keyed/credentials/public-keys", {"jwks": private})

    assert made["client_secret"] is None
    assert made["client"]["auth_methods"] == ["private_key_jwt"]
    assert private["d"] not in answer.text
    refused(answer, 422)


def test_a_key_is_rotated_and_one_in_use_is_not_removed(rest: Management) -> None:
    made = rest.made("/keys/rotate", {"issuer": "sandbox", "lead": 3600})
    keys = rest.call("GET", "/keys?issuer=sandbox").json()["items"]
    in_use = next(key for key in keys if key["purpose"] == "sign" and key["status"] == "current")

    assert made["kid"] in {key["kid"] for key in keys}
    refused(rest.call("DELETE", f"/keys/{in_use['kid']}?issuer=sandbox"), 409)


def test_accounts_own_clients(rest: Management) -> None:
    rest.made("/accounts", {"name": "acme", "title": "ACME Ltd"})
    made = rest.made("/clients", {"apis": ["persons"], "account": "acme"})

    owned = rest.call("GET", "/clients?account=acme").json()["items"]

    assert [each["client_id"] for each in owned] == [made["client"]["client_id"]]
    assert rest.call("GET", "/accounts/acme").json()["title"] == "ACME Ltd"


def test_no_get_shows_a_secret(rest: Management) -> None:
    secret = rest.made("/clients", {"client_id": "shy", "apis": ["persons"]})["client_secret"]
    paths = [path for method, path, _, _ in OPERATIONS if method == "GET"]

    shown = "".join(rest.call("GET", path.replace("none", "shy")).text for path in paths)

    assert '"shy"' in shown
    assert secret not in shown
    assert "tbs_" not in shown


# --- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/clients", "/apis", "/keys", "/issuers"])
def test_pages_together_are_the_whole_list(rest: Management, path: str) -> None:
    for number in range(2):
        rest.call("POST", "/issuers", {"name": f"page-{number}"})
        rest.call("POST", "/clients", {"apis": ["persons"]})
    whole = rest.call("GET", f"{path}?limit=500").json()["items"]

    items, where = [], f"{path}?limit=2"
    while where:
        answer = rest.call("GET", where)
        items += answer.json()["items"]
        assert len(answer.json()["items"]) <= 2
        link = answer.links.get("next", {}).get("url")
        assert (link is None) == (answer.json()["next"] is None)
        where = f"{path}{link}" if link else ""

    assert [named(each) for each in items] == [named(each) for each in whole]
    assert len(items) > 2


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=!", "cursor=WyJhIl0"])
def test_refuses_pages_that_do_not_exist(rest: Management, query: str) -> None:
    refused(rest.call("GET", f"/clients?{query}"), 422)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b"\xff", 400),
        (b"[" * 20_000, 400),
        (b'{"name": 1}', 422),
        (b'{"name": "a", "titel": "b"}', 422),
        (b"{}", 422),
        (b"", 422),
        (b'{"name": "%s"}' % (b"a" * 70_000), 413),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_refuses_bodies_that_are_not_exactly_what_is_asked_for(
    rest: Management, body: bytes, status: int
) -> None:
    headers = {"Authorization": f"Bearer {rest.token}", "Content-Type": "application/json"}

    answer = rest.service.http.post("/api/v1/accounts", headers=headers, content=body)

    refused(answer, status)


def test_refuses_bodies_that_do_not_claim_to_be_json(rest: Management) -> None:
    headers = {"Authorization": f"Bearer {rest.token}", "Content-Type": "text/plain"}

    answer = rest.service.http.post("/api/v1/accounts", headers=headers, content=b"{}")

    refused(answer, 415)


def test_points_to_what_cannot_be_used_without_repeating_it(rest: Management) -> None:
    answer = rest.call("POST", "/clients", {"apis": [["tbs_secret"]], "name": "ok"})

    problem = refused(answer, 422)
    assert [each["pointer"] for each in problem["errors"]] == ["/apis/0"]
    assert "tbs_secret" not in answer.text


def test_says_what_is_not_there_not_allowed_or_taken(rest: Management) -> None:
    rest.call("POST", "/accounts", {"name": "twice"})

    refused(rest.call("GET", "/nothing"), 404)
    refused(rest.call("GET", "/clients/nobody"), 404)
    not_allowed = rest.call("PATCH", "/clients", {})
    refused(not_allowed, 405)
    refused(rest.call("POST", "/accounts", {"name": "twice"}), 409)
    assert not_allowed.headers["Allow"] == "GET, POST"


def test_a_client_at_several_issuers_must_be_told_apart(rest: Management) -> None:
    api = {"name": "persons", "audience": "https://p.sandbox", "scopes": ["p"], "issuer": "sandbox"}
    rest.made("/apis", api)
    for issuer in ("default", "sandbox"):
        rest.made("/clients", {"client_id": "both", "apis": ["persons"], "issuer": issuer})

    problem = refused(rest.call("GET", "/clients/both"), 422)

    assert problem["issuers"] == ["default", "sandbox"]
    assert rest.call("GET", "/clients/both?issuer=sandbox").json()["issuer"] == "sandbox"


# --- The description ------------------------------------------------------------------------------


def schemathesis(rest: Management, folder: Path, scope: str, *arguments: str) -> str:
    """Fuzz the API as its document describes it, and return what is wrong with it."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", _SCHEMATHESIS),
            *("run", f"{rest.service.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {rest.limited(scope)}"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", "6"),
            # What a name may be, and what is there, is more than the document can say.
            *("--exclude-checks", "positive_data_acceptance"),
            *("--no-shrink", "--generation-database", "none", "--no-color", *arguments),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=170,
        check=False,
    )
    if done.returncode == 0:
        return ""
    told = done.stdout[max(0, done.stdout.find("FAILURES")) :]  # or "ERRORS", after everything else
    return told[:8000] + done.stderr[-2000:]


def test_keeps_every_promise_of_its_openapi_document(rest: Management, tmp_path: Path) -> None:
    # A token that has less than its client can end neither the client nor its own issuer's tokens.
    rest.made("/apis", {"name": "fuzzed", "audience": "https://f.example", "scopes": ["f"]})
    rest.made("/clients", {"apis": ["fuzzed"]})
    rest.made("/accounts", {"name": "fuzzed"})
    others = " ".join(each for each in ALL if each != "issuers:write")
    only_make = ("--include-path", "/issuers", "--max-time", "5")

    wrong = [
        schemathesis(rest, tmp_path, others, "--max-time", "15"),
        schemathesis(rest, tmp_path, "issuers:read issuers:write", *only_make),
    ]

    assert "".join(wrong) == ""


# --- The service around it ------------------------------------------------------------------------


def test_the_log_tells_who_did_what(rest: Management) -> None:
    answer = rest.call("POST", "/clients/ops/revoke-tokens?issuer=nowhere")
    made = rest.call("POST", "/accounts", {"name": "logged"})

    def lines() -> dict[str, dict[str, object]] | None:
        read = [json.loads(line) for line in rest.service.log.splitlines() if line[:1] == "{"]
        by_id = {line.get("request_id"): line for line in read}
        wanted = {made.headers["X-Request-Id"], answer.headers["X-Request-Id"]}
        return by_id if wanted <= by_id.keys() else None

    by_id = eventually(lines)  # a line is written after its answer
    assert by_id[made.headers["X-Request-Id"]]["event"] == "managed"
    assert by_id[made.headers["X-Request-Id"]]["client_id"] == "ops"
    assert by_id[answer.headers["X-Request-Id"]]["event"] == "management_refused"


def test_the_api_follows_the_address_of_the_service(fresh: Any) -> None:
    first = fresh("moving")
    client = first.register("management", client_id="ops")
    first.stop()

    second = fresh("moving")  # on another port
    headers = {"Authorization": f"Bearer {second.access_token(client)}"}

    assert first.url != second.url
    assert second.told("apis", "show", "management")["audience"] == f"{second.url}/api/v1"
    assert second.http.get("/api/v1/clients", headers=headers).status_code == 200


def test_every_worker_serves_the_api(fresh: Any) -> None:
    service = fresh("many", "--workers", "2")
    token = service.access_token(service.register("management", client_id="ops"))
    headers = {"Authorization": f"Bearer {token}"}

    statuses = {service.http.get("/api/v1/keys", headers=headers).status_code for _ in range(30)}

    assert statuses == {200}


def test_an_api_of_another_that_has_its_name_is_left_alone(fresh: Any, tmp_path: Path) -> None:
    own = ("apis", "create", "management", "--audience", "https://mine.example", "--scopes", "a")
    service = fresh("taken")
    service.stop()
    service.command("apis", "delete", "management")
    assert service.command(*own).returncode == 0

    again = fresh("taken")

    assert "Warning: The name 'management' is taken" in again.log
    assert again.told("apis", "show", "management")["audience"] == "https://mine.example"
