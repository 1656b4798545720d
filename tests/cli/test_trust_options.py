"""Trusted identities on the command line: said whole, specific, and without a secret."""

import pytest

GITHUB = "https://token.actions.githubusercontent.com"


@pytest.fixture
def api(tokenbooth):
    made = tokenbooth(
        "apis", "create", "persons", "--audience", "https://p.example", "--scopes", "persons:read"
    )
    assert made.code == 0


def create(tokenbooth, *arguments):
    return tokenbooth("clients", "create", "--id", "ada", "--api", "persons", "--json", *arguments)


def test_a_client_for_a_build_service_has_no_secret(tokenbooth, api):
    ended = create(
        tokenbooth,
        *("--federated-issuer", GITHUB),
        *("--federated-claim", "sub=repo:my-org/my-app:*"),
        *("--federated-claim", "ref=refs/heads/main", "--copy-claim", "repository"),
    )
    assert ended.code == 0, ended.err
    assert "client_secret" not in ended.data
    assert ended.data["auth_methods"] == ["federated_jwt"]
    [credential] = tokenbooth("credentials", "list", "ada", "--json").data
    assert credential["kind"] == "federated"
    assert "githubusercontent" in credential["hint"]


def test_a_spiffe_workload_is_added_to_a_client(tokenbooth, api):
    create(tokenbooth)
    ended = tokenbooth(
        *("credentials", "add", "ada", "--json", "--reusable"),
        *("--spiffe-trust-domain", "td.example", "--bundle-endpoint", "https://td.example/bundle"),
        *("--spiffe-id", "spiffe://td.example/shop/till"),
    )
    assert ended.code == 0, ended.err
    assert "spiffe_jwt" in ended.data["auth_methods"]
    shown = tokenbooth("clients", "show", "ada", "--json").data
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" in shown["grant_types"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--federated-issuer", GITHUB),
        ("--federated-issuer", GITHUB, "--federated-claim", "sub=repo:*"),
        ("--federated-issuer", GITHUB, "--federated-claim", "sub"),
        ("--federated-issuer", "http://id.example", "--federated-claim", "sub=x"),
        ("--federated-issuer", "https://id.example?x", "--federated-claim", "sub=x"),
        (
            *("--federated-issuer", "https://id.example", "--federated-claim", "sub=x"),
            *("--federated-claim", "aud=*"),
        ),
        (
            *("--federated-issuer", "https://id.example", "--federated-claim", "sub=x"),
            *("--copy-claim", "sub"),
        ),
        ("--federated-claim", "sub=x"),
        ("--copy-claim", "x"),
        ("--reusable",),
        ("--spiffe-id", "spiffe://td/x"),
        ("--spiffe-trust-domain", "td"),
        (
            *("--spiffe-trust-domain", "td", "--bundle-endpoint", "https://td.example/b"),
            *("--spiffe-id", "spiffe://other/x"),
        ),
        (
            *("--spiffe-trust-domain", "td", "--bundle-endpoint", "https://td.example/b"),
            *("--spiffe-id", "spiffe://td/*"),
        ),
        (
            *("--spiffe-trust-domain", "TD", "--bundle-endpoint", "https://td.example/b"),
            *("--spiffe-id", "spiffe://TD/x"),
        ),
        (
            *("--spiffe-trust-domain", "td", "--bundle-endpoint", "http://td.example/b"),
            *("--spiffe-id", "spiffe://td/x"),
        ),
        ("--federated-issuer", GITHUB, "--spiffe-trust-domain", "td"),
    ],
)
def test_trust_that_is_half_said_or_too_wide_is_refused(tokenbooth, api, arguments):
    ended = create(tokenbooth, *arguments)
    assert ended.code == 2, ended.out
    assert "Traceback" not in ended.err


def test_an_outside_issuer_can_be_distrusted_at_once_and_trusted_again(tokenbooth, api):
    ended = tokenbooth("issuers", "distrust", "default", GITHUB, "--json")
    assert ended.data == {"distrusted_issuers": [GITHUB]}
    shown = tokenbooth("issuers", "show", "default", "--json").data
    assert shown["policy"]["distrusted_issuers"] == [GITHUB]
    ended = tokenbooth("issuers", "trust", "default", GITHUB, "--json")
    assert ended.data == {"distrusted_issuers": []}
    assert tokenbooth("issuers", "distrust", "nobody", GITHUB).code == 6
