"""APIs that others guard in JavaScript: oauth4webapi's check and jose's remote key set."""

import pytest

from tests.end_to_end.service import eventually
from tests.interop.javascript import Refused
from tests.interop.registered import with_key, with_secret
from tokenbooth.client import TokenSource
from tokenbooth.protocol.keys import generate_key

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")


@pytest.fixture(scope="module", params=ALGORITHMS)
def judged(request, demo):
    """An issuer with that algorithm: its name, its audience, its client."""
    alg = request.param
    issuer = f"followed-{alg.lower()}"
    demo.add_issuer(issuer, alg=alg)
    audience = demo.add_api("followed", "followed:read", issuer=issuer)
    return alg, issuer, audience, demo.register("followed", issuer=issuer)


def test_oauth4webapi_guards_an_api_with_our_tokens(demo, javascript, judged):
    _, issuer, audience, client = judged
    service = {"issuer": demo.issuer_url(issuer), "audience": audience}
    token = demo.access_token(client)

    claims = javascript("oauth4webapi", "guard", token=token, **service)
    assert (claims["client_id"], claims["scope"]) == (client.client_id, "followed:read")
    with pytest.raises(Refused):
        javascript("oauth4webapi", "guard", token=token[:-4] + "AAAA", **service)
    other = service | {"audience": "https://other.example"}
    with pytest.raises(Refused):
        javascript("oauth4webapi", "guard", token=token, **other)


def test_oauth4webapi_guards_an_api_with_our_bound_tokens(demo, javascript):
    audience = demo.add_api("bound-calls", "bound:read")
    by = with_key(demo, javascript, "ES256", "bound-calls")
    keys = [javascript("keys", "make", alg="ES256")["kid"] for _ in "12"]
    token = javascript("oauth4webapi", "token", issuer=demo.url, by=by, dpop=keys[0])
    service = {"issuer": demo.url, "audience": audience, "token": token["access_token"]}

    claims = javascript("oauth4webapi", "guard", dpop=keys[0], requireDPoP=True, **service)
    assert claims["client_id"] == by["client_id"]
    for other in (keys[1], None):
        with pytest.raises(Refused):
            javascript("oauth4webapi", "guard", dpop=other, **service)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_oauth4webapi_accepts_the_proofs_of_our_client(demo, javascript, alg):
    name = f"proofs-{alg.lower()}"
    audience = demo.add_api(name, f"{name}:read")
    client = demo.register(name)
    url = "https://api.example.com/persons?page=2"
    service = {"issuer": demo.url, "audience": audience, "url": url}
    with TokenSource(
        issuer=demo.url,
        client_id=client.client_id,
        secret=lambda: client.secret,
        dpop=generate_key(alg),
    ) as source:
        headers = source.headers(source.token(), "GET", url)
    assert javascript("oauth4webapi", "judge", headers=headers, **service)["cnf"]["jkt"]
    with pytest.raises(Refused):
        javascript(
            "oauth4webapi",
            "judge",
            headers=headers,
            **(service | {"url": "https://api.example.com/other"}),
        )


def test_a_token_that_is_not_bound_does_not_pass_for_a_bound_one(demo, javascript):
    audience = demo.add_api("must-be-bound", "must:read")
    by = with_secret(demo, "client_secret_basic", "must-be-bound")
    token = javascript("oauth4webapi", "token", issuer=demo.url, by=by)["access_token"]
    service = {"issuer": demo.url, "audience": audience, "token": token}
    with pytest.raises(Refused):
        javascript("oauth4webapi", "guard", requireDPoP=True, **service)


def test_jose_accepts_our_tokens(demo, javascript, judged):
    alg, issuer, audience, client = judged
    url = demo.issuer_url(issuer)
    expected = {"jwks_uri": f"{url}/.well-known/jwks.json", "issuer": url, "audience": audience}
    token = demo.access_token(client)

    read = javascript("jose", "verify", token=token, algorithms=[alg], **expected)
    assert read["claims"]["client_id"] == client.client_id
    for wrong in ({"audience": "https://other.example"}, {"issuer": demo.url}):
        with pytest.raises(Refused):
            javascript("jose", "verify", token=token, **(expected | wrong))


def test_jose_follows_the_keys_to_another_algorithm(demo, javascript):
    demo.add_issuer("rotating")
    audience = demo.add_api("followed", "followed:read", issuer="rotating")
    client = demo.register("followed", issuer="rotating")
    url = demo.issuer_url("rotating")
    expected = {"jwks_uri": f"{url}/.well-known/jwks.json", "issuer": url, "audience": audience}
    tokens = []

    def signed_with(alg):
        token = demo.access_token(client)
        tokens.append(token)
        return javascript("jose", "verify", token=token, **expected)["header"]["alg"] == alg

    assert signed_with("ES256")
    demo.told("keys", "rotate", "--issuer", "rotating", "--now", "--alg", "EdDSA")
    eventually(lambda: signed_with("EdDSA"), within=10, every=0.2)
    seen = [javascript("jose", "verify", token=token, **expected)["header"] for token in tokens]
    assert {header["alg"] for header in seen} == {"ES256", "EdDSA"}
    assert len({header["kid"] for header in seen}) == 2


def test_jose_accepts_the_signed_metadata(demo, javascript):
    metadata = demo.http.get("/.well-known/oauth-authorization-server").json()
    statement = metadata.pop("signed_metadata")
    signed = javascript(
        "jose",
        "verifyStatement",
        jwks_uri=metadata["jwks_uri"],
        statement=statement,
        issuer=demo.url,
        typ="server-metadata+jwt",
    )
    assert {name: signed[name] for name in metadata} == metadata
