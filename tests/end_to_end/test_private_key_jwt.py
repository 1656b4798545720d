"""Signed client authentication against the real program: two workers, third-party signers."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from tests.end_to_end.service import Registered, run_program
from tokenbooth.client import TokenSource
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.protocol.keys import generate_key, signing_key


@pytest.fixture(scope="module")
def keys(demo, tmp_path_factory):
    """A client of the demo service with a key pair made by the command line."""
    folder = tmp_path_factory.mktemp("keys")
    made = run_program("token", "new-key", "--out", str(folder / "key.pem"))
    assert made.returncode == 0, made.stderr
    (folder / "public.json").write_text(made.stdout)
    demo.add_api("signed-calls", "signed:read")
    demo.told(
        *("clients", "create", "--id", "signer", "--api", "signed-calls"),
        *("--jwk", str(folder / "public.json")),
    )
    return folder


def test_the_command_line_gets_a_token_with_a_private_key(demo, keys):
    place = f"file:{keys / 'key.pem'}"
    done = run_program(
        *("token", "get", "--issuer", demo.url, "--client-id", "signer", "--private-key", place)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("eyJ")


def test_the_token_source_gets_a_token_with_a_private_key(demo, keys):
    with TokenSource(
        issuer=demo.url, client_id="signer", private_key=f"file:{keys / 'key.pem'}"
    ) as source:
        assert source.token().scope.names == ("signed:read",)


def test_authlib_signs_well_enough(demo, keys):
    key = ECKey.import_key((keys / "key.pem").read_bytes())
    session = OAuth2Session("signer", key, token_endpoint_auth_method="private_key_jwt")
    session.trust_env = False
    session.register_client_auth_method(
        PrivateKeyJWT(f"{demo.url}/oauth2/token", claims={"aud": demo.url}, alg="ES256")
    )
    with session:
        token = session.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")
    assert token["scope"] == "signed:read"


def test_one_assertion_posted_fifty_times_in_parallel_on_two_workers_wins_once(fresh):
    service = fresh("two", "--workers", "2")
    service.add_api("persons", "persons:read")
    key = generate_key("ES256")
    proofs = read_keys(json.dumps(key.public.to_jwk())).proofs
    service.manage(
        lambda booth: create_client(booth, client_id="ada", apis=["persons"], proofs=proofs)
    )
    assertion = make_client_assertion(
        key, client_id="ada", audience=service.url, jti="only-one", now=time.time()
    ).reveal()
    service.confidential.add(assertion)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": assertion,
    }

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: service.post("/oauth2/token", form), range(50)))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 49}
    refused = [answer.json() for answer in answers if answer.status_code == 401]
    assert {each["error"] for each in refused} == {"invalid_client"}
    assert service.log.count("assertion_replayed") == 49


def test_a_removed_key_is_refused_at_once(demo, keys, tmp_path):
    made = run_program("token", "new-key", "--out", str(tmp_path / "own.pem"))
    (tmp_path / "own.json").write_text(made.stdout)
    told = demo.told(
        *("clients", "create", "--id", "leaver", "--api", "signed-calls"),
        *("--jwk", str(tmp_path / "own.json")),
    )
    key = signing_key((tmp_path / "own.pem").read_bytes())

    def status():
        assertion = make_client_assertion(
            key, client_id="leaver", audience=demo.url, jti=str(time.time_ns()), now=time.time()
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": assertion.reveal(),
        }
        return demo.post("/oauth2/token", form).status_code

    assert status() == 200
    demo.told("credentials", "remove", "leaver", told["credential_id"])
    end = time.monotonic() + 1.0
    while status() != 401:
        assert time.monotonic() < end


def test_a_secret_opens_nothing_that_is_for_keys(demo, keys):
    answer = demo.token(Registered(client_id="signer", secret="x" * 40))
    assert answer.status_code == 401
