"""A workload of another platform against the real program with two workers, without any secret."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.service import eventually, run_program
from tests.protocol.jose import compact
from tests.remote.local_server import as_json, local_server
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION
from tokenbooth.protocol.keys import generate_key

REPO = "repo:my-org/my-app:ref:refs/heads/main"
ALLOWED = {"TOKENBOOTH_ALLOW_PRIVATE_ADDRESSES_FOR_FEDERATION": "127.0.0.1"}


@pytest.fixture
def platform():
    """An OpenID issuer on this machine, as a build service or a cluster is one."""
    key = generate_key("ES256")
    with local_server() as server:
        metadata = {"issuer": server.url, "jwks_uri": f"{server.url}/keys"}
        server.on("/.well-known/openid-configuration", lambda seen: as_json(metadata))
        server.on("/keys", lambda seen: as_json({"keys": [key.public.to_jwk()]}))

        def token(audience, **changed):
            now = int(time.time())
            claims = {
                "iss": server.url,
                "sub": REPO,
                "aud": audience,
                "iat": now,
                "exp": now + 300,
                "jti": str(time.time_ns()),
                **changed,
            }
            return compact({"alg": key.alg, "kid": key.kid, "typ": "JWT"}, claims, key=key)

        server.token = token
        yield server


@pytest.fixture
def service(fresh, platform):
    service = fresh("workloads", "--workers", "2", variables=ALLOWED)
    service.add_api("persons", "persons:read")
    service.told(
        *("clients", "create", "--id", "till", "--api", "persons"),
        *("--federated-issuer", platform.url),
        *("--federated-claim", "sub=repo:my-org/my-app:*"),
    )
    return service


def test_the_token_of_a_file_gets_a_token_by_the_command_line(service, platform, tmp_path):
    file = tmp_path / "token"
    file.write_text(platform.token(service.url))
    done = run_program(
        *("token", "get", "--issuer", service.url, "--client-id", "till"),
        *("--assertion", f"file:{file}"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("eyJ")


def test_one_token_posted_fifty_times_in_parallel_on_two_workers_wins_once(service, platform):
    token = platform.token(service.url)
    service.confidential.add(token)
    form = {
        "grant_type": "client_credentials",
        "client_id": "till",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": token,
    }
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: service.post("/oauth2/token", form), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 49}
    assert len(platform.seen_at("/keys")) <= 2  # once a worker


def test_a_distrusted_platform_is_refused_within_a_second_on_every_worker(service, platform):
    def statuses():
        forms = [
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "client_id": "till",
                "assertion": platform.token(service.url, jti=f"{number}-{time.time_ns()}"),
            }
            for number in range(8)
        ]
        return {service.post("/oauth2/token", form).status_code for form in forms}

    assert statuses() == {200}
    service.told("issuers", "distrust", "default", platform.url)
    eventually(lambda: statuses() == {400}, within=2.0)
