"""Every piece of the instructions is run as its reader would run it, and gets the API's answer."""

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.end_to_end.service import (
    PROGRAM,
    assert_log_is_discreet,
    environment,
    start_service,
)
from tests.interop.javascript import FOLDER, NODE
from tests.protocol.certificates import make
from tests.protocol.jose import compact
from tests.remote.local_server import as_json, local_server
from tokenbooth.protocol.keys import generate_key

DIALECTS = (
    "default",
    "jwt-basic",
    "self-service",
    "trulioo-normalized",
    "trulioo-platform",
    "truphone",
)
KEYS = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}
NEWMAN = FOLDER / "node_modules" / "newman" / "bin" / "newman.js"
_GAP = re.compile(r"\{\{\$dotenv (\w+)\}\}|\{\{([\w.]+)\}\}")


class Written:
    """The instructions for clients of one service, as its management API hands them out."""

    def __init__(self, service):
        self.service = service
        owner = service.register("management", client_id=f"reader-{time.time_ns()}")
        self._token = service.access_token(owner, scope="clients:read")

    def of(self, client_id, issuer="default", **asked):
        answer = self._get(f"/api/v1/clients/{client_id}/instructions", issuer, asked)
        return answer.json()

    def file(self, format_id, client_id, issuer="default", **asked):
        """Return the name and the text of a download."""
        path = f"/api/v1/clients/{client_id}/instructions/{format_id}"
        answer = self._get(path, issuer, asked)
        disposition = answer.headers["Content-Disposition"]
        return re.fullmatch(r'attachment; filename="([\w.-]+)"', disposition)[1], answer.text

    def _get(self, path, issuer, asked):
        answer = self.get(path, issuer, **asked)
        assert answer.status_code == 200, answer.text
        return answer

    def get(self, path, issuer, **asked):
        headers = {"Authorization": f"Bearer {self._token}"}
        params = {"issuer": issuer, **asked}
        return self.service.http.get(path, params=params, headers=headers)


@pytest.fixture(scope="module")
def written(demo):
    return Written(demo)


def variables(service, issuer="default", secret="", **more):
    """What the reader of the instructions sets."""
    api = {"API_URL": f"{service.url}/demo/{issuer}/whoami", "NO_PROXY": "*", "no_proxy": "*"}
    return environment(**api, **({"CLIENT_SECRET": secret} if secret else {}), **more)


def run(command, folder, env, *, fails=False):
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout if not fails else done.stderr


def commands(format_id, name):
    """Return how a file of that format is run."""
    path = f"{shutil.which('bash')}"
    return {
        "curl": [path, name],
        "curl-refresh": [path, name],
        "shell": [path, name],
        "python": [sys.executable, name],
        "python-requests": [sys.executable, name],
        "javascript": [NODE, name],
        "go": ["go", "run", name],
    }[format_id]


def carried_out(written, format_id, folder, env, client_id, **asked):
    """Download the file, run it, and return what the API answered."""
    name, text = written.file(format_id, client_id, **asked)
    (folder / name).write_text(text)
    path = f"{PROGRAM.rpartition('/')[0]}:{env['PATH']}"
    env = {**env, "PATH": path}
    if format_id == "shell":
        env["XDG_CACHE_HOME"] = str(folder / "cache")
    return json.loads(run(commands(format_id, name), folder, env))


@pytest.mark.parametrize("issuer", DIALECTS)
@pytest.mark.parametrize(
    "format_id", ["curl", "shell", "python", "python-requests", "javascript", "go"]
)
def test_calls_the_api_in_every_dialect(written, demo_clients, tmp_path, issuer, format_id):
    env = variables(written.service, issuer, demo_clients[issuer].secret)

    answer = carried_out(written, format_id, tmp_path, env, "demo", issuer=issuer)

    assert answer["client_id"] == "demo"
    assert answer["audience"] == [f"urn:tokenbooth:demo:{issuer}"]


def test_the_refresh_token_gets_a_new_token(written, demo_clients, tmp_path):
    env = variables(written.service, "truphone", demo_clients["truphone"].secret)

    answer = carried_out(written, "curl-refresh", tmp_path, env, "demo", issuer="truphone")

    assert answer["client_id"] == "demo"


@pytest.mark.parametrize("format_id", ["curl", "python", "javascript"])
def test_follows_the_one_way_that_the_client_may_authenticate(written, tmp_path, format_id):
    # The other one is the usual way of this issuer.
    client = written.service.register("demo", auth_methods=["client_secret_post"])
    env = variables(written.service, secret=client.secret)

    answer = carried_out(written, format_id, tmp_path, env, client.client_id)

    assert answer["client_id"] == client.client_id


def test_names_the_api_that_the_token_is_for_where_there_are_several(written, demo, tmp_path):
    audience = demo.add_api("other", "demo:read other:read")
    client = demo.register("other", "demo")
    env = variables(demo, secret=client.secret)

    for format_id in ("curl", "python", "python-requests", "javascript"):
        answer = carried_out(written, format_id, tmp_path, env, client.client_id, api="demo")
        assert answer["audience"] == ["urn:tokenbooth:demo:default"]

    told = written.of(client.client_id)
    assert (told["api"], told["audience"], told["apis"]) == ("other", audience, ["other", "demo"])


def test_the_script_keeps_its_token_for_the_next_run_where_nobody_else_reads_it(
    written, demo_clients, tmp_path
):
    env = variables(written.service, secret=demo_clients["default"].secret)
    first = carried_out(written, "shell", tmp_path, env, "demo")
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    # A second run has no need of the secret.
    second = carried_out(written, "shell", tmp_path, {**env, "CLIENT_SECRET": "none"}, "demo")
    assert second["expires_at"] == first["expires_at"]
    # Near its end the token is renewed.
    members = json.loads(kept.read_text())
    assert 3500 < members["renew_at"] - time.time() <= 3540
    kept.write_text(json.dumps({**members, "renew_at": time.time() - 1, "token": "old"}))
    assert carried_out(written, "shell", tmp_path, env, "demo")["client_id"] == "demo"


@pytest.mark.parametrize(
    "format_id", ["curl", "shell", "python", "python-requests", "javascript", "go"]
)
def test_says_why_where_the_secret_is_wrong_and_never_shows_it(written, tmp_path, format_id):
    secret = "tbs_no_such_secret_at_all"
    env = variables(written.service, secret=secret)
    name, text = written.file(format_id, "demo")
    # The lines to paste go on without a token; a script that is run ends there.
    (tmp_path / name).write_text(("set -eo pipefail\n" if format_id == "curl" else "") + text)

    said = run(commands(format_id, name), tmp_path, env, fails=True)

    assert "Client authentication failed" in said or "invalid_client" in said
    assert secret not in said


@pytest.mark.parametrize("format_id", ["curl", "shell"])
def test_asks_for_the_secret_where_it_is_not_set(written, tmp_path, format_id):
    name, text = written.file(format_id, "demo")
    (tmp_path / name).write_text(text)

    said = run(commands(format_id, name), tmp_path, variables(written.service), fails=True)

    assert "CLIENT_SECRET" in said


@pytest.fixture(scope="module")
def signing_client(demo, tmp_path_factory):
    """A client for each kind of key, and the folder in which its private half lies."""
    folder = tmp_path_factory.mktemp("keys")

    def make_client(kind):
        own = folder / kind
        own.mkdir()
        key = KEYS[kind]()
        (own / "signing-key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (own / "public.pem").write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        told = demo.told("clients", "create", "--api", "demo", "--jwk", str(own / "public.pem"))
        return told["client_id"], own

    return make_client


@pytest.mark.parametrize("kind", KEYS)
def test_signs_with_the_key_of_the_client(written, signing_client, kind):
    client_id, folder = signing_client(kind)
    env = variables(written.service)

    for format_id in ("curl", "python", "javascript"):
        answer = carried_out(written, format_id, folder, env, client_id)
        assert answer["client_id"] == client_id

    left_out = {each["id"]: each["reason"] for each in written.of(client_id)["left_out"]}
    assert set(left_out) == {
        "shell", "python-requests", "go", "postman", "postman-environment", "http",
    }  # fmt: skip
    assert all(left_out.values())


def test_proves_the_key_that_its_tokens_are_bound_to(written, demo, tmp_path):
    told = demo.told("clients", "create", "--api", "demo", "--dpop-bound")
    demo.confidential.add(told["client_secret"])
    env = variables(demo, secret=told["client_secret"])

    answer = carried_out(written, "python", tmp_path, env, told["client_id"])

    assert answer["client_id"] == told["client_id"]
    formats = [each["id"] for each in written.of(told["client_id"])["snippets"]]
    assert formats == ["python", "env", "kubernetes"]


# --- Postman --------------------------------------------------------------------------------------


def newman(folder, written, client, *arguments):
    """Do as Postman's users do: import both files, fill in the secret, run."""
    _, collection = written.file("postman", "demo", client.issuer)
    told_environment = json.loads(written.file("postman-environment", "demo", client.issuer)[1])
    values = {each["key"]: each for each in told_environment["values"]}
    values["client_secret"]["value"] = client.secret
    api_url = f"{written.service.url}/demo/{client.issuer}/whoami"
    told_environment["values"].append({"key": "api_url", "value": api_url, "enabled": True})
    (folder / "collection.json").write_text(collection)
    (folder / "environment.json").write_text(json.dumps(told_environment))
    done = subprocess.run(
        [NODE, "--no-warnings", NEWMAN, "run", "collection.json", "-e", "environment.json",
         "--reporters", "json", "--reporter-json-export", "report.json", *arguments],
        cwd=folder, env=variables(written.service), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    report = json.loads((folder / "report.json").read_text())["run"]
    return done.returncode, report


@pytest.mark.parametrize("issuer", DIALECTS)
def test_newman_runs_the_collection_which_holds_no_secret(written, demo_clients, tmp_path, issuer):
    _, text = written.file("postman", "demo", issuer)
    _, told = written.file("postman-environment", "demo", issuer)
    assert "tbs_" not in text + told
    secrets = [each for each in json.loads(told)["values"] if each["type"] == "secret"]
    assert {each["key"]: each["value"] for each in secrets} == {
        "client_secret": "",
        "access_token": "",
    }

    status, report = newman(tmp_path, written, demo_clients[issuer])

    assert (status, report["failures"]) == (0, [])
    assert report["stats"]["assertions"] == {"total": 2, "pending": 0, "failed": 0}


def test_the_call_alone_gets_its_token_once_before_it(written, demo_clients, tmp_path):
    rounds = ("--folder", "API", "-n", "2")

    status, report = newman(tmp_path, written, demo_clients["default"], *rounds)

    assert status == 0
    assert report["stats"]["requests"]["total"] == 3  # one token and two calls


def test_the_collection_says_that_the_secret_is_missing(written, demo_clients, tmp_path):
    empty = replace(demo_clients["default"], secret="")

    status, report = newman(tmp_path, written, empty, "--folder", "API")

    assert status == 1
    assert "fill in its client_secret" in json.dumps(report["failures"])


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", DIALECTS)
def test_an_editor_runs_the_http_file(written, demo_clients, issuer):
    _, text = written.file("http", "demo", issuer)
    text = re.sub(
        r"(?m)^@api_url = .*$", f"@api_url = {written.service.url}/demo/{issuer}/whoami", text
    )

    answers = _as_an_editor_does(text, {"CLIENT_SECRET": demo_clients[issuer].secret})

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["client_id"] == "demo"


def _as_an_editor_does(text, dotenv):
    """Run a .http file: variables, requests parted by ###, and answers that have a name."""
    values, named, answers = {}, {}, []

    def filled(found):
        if found[1] is not None:
            return dotenv[found[1]]
        name, _, path = found[2].partition(".response.body.")
        return named[name].json()[path] if path else values[name]

    for part in re.split(r"(?m)^###.*\n", text):
        values |= dict(re.findall(r"(?m)^@(\w+) = (.*)$", part))
        name = re.search(r"(?m)^# @name (\w+)$", part)
        request = re.sub(r"(?m)^(?:#.*|@\w+ = .*)\n", "", part).strip("\n")
        if not request:
            continue
        head, _, body = _GAP.sub(filled, request).partition("\n\n")
        line, *headers = head.split("\n")
        method, url = line.split(" ")
        sent = dict(header.split(": ", 1) for header in headers)
        kind, _, credentials = sent.get("Authorization", "").partition(" ")
        auth = None
        if kind == "Basic":  # these editors encode it themselves
            del sent["Authorization"]
            auth = httpx2.BasicAuth(*credentials.split(":", 1))
        with httpx2.Client(trust_env=False) as http:
            answer = http.request(method, url, headers=sent, content=body.strip(), auth=auth)
        answers.append(answer)
        if name is not None:
            named[name[1]] = answer
    return answers


def test_downloads_hold_no_secret(written, demo_clients):
    for issuer in DIALECTS:
        everything = json.dumps(written.of("demo", issuer))
        assert demo_clients[issuer].secret not in everything
        assert "tbs_" not in everything


@pytest.mark.parametrize("format_id", ["curl-refresh", "cobol"])
def test_what_there_is_not_is_not_found(written, format_id):
    answer = written.get(f"/api/v1/clients/demo/instructions/{format_id}", "default")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_previews_a_token_as_the_service_gives_it(written, demo_clients):
    client = demo_clients["truphone"]
    told = written.get("/api/v1/clients/demo/token-preview", "truphone").json()

    token = written.service.access_token(client, scope="connect:read")
    claims = written.service.introspect(client, token).json()

    assert told["claims"].keys() <= claims.keys()
    same = told["claims"].keys() - {"iat", "exp"}
    assert {name: told["claims"][name] for name in same} == {name: claims[name] for name in same}
    assert told["words"]["until"].startswith("for 5 minutes, until ")
    assert (told["obstacles"], told["has_refresh_token"]) == ([], True)


# --- Certificates and workloads, behind TLS -------------------------------------------------------

CA = make("CN=authority", is_ca=True)
ADA = make("CN=ada,O=Example", issuer=CA)


@pytest.fixture(scope="module")
def platform():
    """An OpenID issuer on this machine, as a build service or a cluster is one."""
    key = generate_key("ES256")
    with local_server() as server:
        metadata = {"issuer": server.url, "jwks_uri": f"{server.url}/keys"}
        server.on("/.well-known/openid-configuration", lambda _seen: as_json(metadata))
        server.on("/keys", lambda _seen: as_json({"keys": [key.public.to_jwk()]}))

        def token(audience):
            now = int(time.time())
            claims = {"iss": server.url, "sub": "build:1", "aud": audience, "iat": now}
            claims |= {"exp": now + 300, "jti": str(time.time_ns())}
            return compact({"alg": key.alg, "kid": key.kid, "typ": "JWT"}, claims, key=key)

        server.token = token
        yield server


@pytest.fixture(scope="module")
def tls(tmp_path_factory, platform):
    """A service behind TLS, which believes the tokens of a platform on this machine."""
    folder = tmp_path_factory.mktemp("tls")
    authority = folder / "ca.pem"
    authority.write_bytes(CA.pem)
    own = make("CN=service", issuer=CA, addresses=["127.0.0.1"]).write(folder, "own")
    ADA.write(folder, "ada")
    service = start_service(
        folder / "service",
        *("--demo", "--tls-cert", own[0], "--tls-key", own[1], "--tls-client-ca", str(authority)),
        variables={"TOKENBOOTH_ALLOW_PRIVATE_ADDRESSES_FOR_FEDERATION": "127.0.0.1"},
        authority=str(authority),
    )
    service.told(
        *("clients", "create", "--id", "ada", "--api", "demo", "--subject-dn", "CN=ada,O=Example")
    )
    service.told(
        *("clients", "create", "--id", "build", "--api", "demo"),
        *("--federated-issuer", platform.url, "--federated-claim", "sub=build:1"),
    )
    yield service
    service.stop()
    assert_log_is_discreet(service)


@pytest.fixture(scope="module")
def written_behind_tls(tls):
    return Written(tls)


def trusting(service, **more):
    authority = str(service.folder.parent / "ca.pem")
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    return variables(service, **dict.fromkeys(names, authority), **more)


@pytest.mark.parametrize("format_id", ["curl", "shell", "python", "python-requests", "go"])
def test_shows_the_certificate_of_the_client(tls, written_behind_tls, tmp_path, format_id):
    (tmp_path / "client-cert.pem").write_bytes(ADA.pem)
    (tmp_path / "client-key.pem").write_bytes(ADA.key_pem)

    answer = carried_out(written_behind_tls, format_id, tmp_path, trusting(tls), "ada")

    assert answer["client_id"] == "ada"


@pytest.mark.parametrize(
    "format_id", ["curl", "shell", "python", "python-requests", "javascript", "go"]
)
def test_hands_in_the_token_of_its_platform(tls, written_behind_tls, platform, tmp_path, format_id):
    assertion = tmp_path / "assertion"
    assertion.write_text(platform.token(tls.url) + "\n")
    env = trusting(tls, ASSERTION_FILE=str(assertion))

    answer = carried_out(written_behind_tls, format_id, tmp_path, env, "build")

    assert answer["client_id"] == "build"
