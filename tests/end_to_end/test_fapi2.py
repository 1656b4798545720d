"""An issuer under the FAPI 2.0 profile, from the command line to the API, with our own client."""

import base64
import json

import httpx2
import pytest

from tests.end_to_end.service import run_program
from tokenbooth.client import Secret, TokenRequestRefused, TokenSource
from tokenbooth.guard import Guard, Refusal

AUDIENCE = "https://accounts.bank.example"


@pytest.fixture(scope="module")
def bank(demo, tmp_path_factory):
    """The issuer, and the private key of its client `signer`."""
    folder = tmp_path_factory.mktemp("bank")
    demo.told("issuers", "create", "bank", "--profile", "fapi2")
    demo.add_api("accounts", "accounts:read", issuer="bank")
    made = run_program("token", "new-key", "--out", str(folder / "key.pem"))
    (folder / "public.json").write_text(made.stdout)
    demo.told(
        *("clients", "create", "--id", "signer", "--issuer", "bank", "--api", "accounts"),
        *("--jwk", str(folder / "public.json")),
    )
    return folder / "key.pem"


def source(demo, bank, **more):
    url = demo.issuer_url("bank")
    return TokenSource(issuer=url, client_id="signer", private_key=f"file:{bank}", **more)


@pytest.fixture
def guard(demo):
    guard = Guard(issuer=demo.issuer_url("bank"), audience=AUDIENCE)
    yield guard
    guard.close()


def test_our_client_gets_a_bound_token_and_the_guard_takes_it_with_its_proof_alone(
    demo, bank, guard
):
    url = "https://accounts.bank.example/list"
    seen = []

    def api(request):
        seen.append(dict(request.headers))
        return httpx2.Response(200)

    with (
        source(demo, bank, dpop=True) as tokens,
        httpx2.Client(auth=tokens.auth, transport=httpx2.MockTransport(api)) as http,
    ):
        http.get(url)
        http.get(url)

    for number, scheme in enumerate(("DPoP", "dPoP")):  # FAPI 2.0: in any case
        token = seen[number]["authorization"].split()[1]
        headers = seen[number] | {"authorization": f"{scheme} {token}"}
        caller = guard.verify_sync(headers, "GET", url)
        assert (caller.client_id, str(caller.scope)) == ("signer", "accounts:read")

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert "jkt" in claims["cnf"]
    with pytest.raises(Refusal):
        guard.verify_sync({"authorization": f"Bearer {token}"}, "GET", url)


def test_without_a_proof_our_client_is_told_what_is_missing(demo, bank):
    with (
        source(demo, bank) as tokens,
        pytest.raises(TokenRequestRefused, match=r"gives no bearer tokens"),
    ):
        tokens.token()


def test_a_secret_is_refused_in_words_that_help(demo, bank):
    with (
        TokenSource(
            issuer=demo.issuer_url("bank"), client_id="signer", secret=Secret("none of ours")
        ) as tokens,
        pytest.raises(TokenRequestRefused, match=r"private_key_jwt"),
    ):
        tokens.token()
