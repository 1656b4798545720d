import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

EXPORTS = Path(__file__).parents[1] / "management" / "imports" / "exports"


class Importer:
    """Imports the exports that lie in the repository."""

    def __init__(self, call: Command) -> None:
        self.call = call

    def __call__(self, system: str, name: str, *options: str) -> Any:
        ended = self.call("import", system, str(EXPORTS / name), "--json", *options)
        assert ended.code == 0, ended.err
        return ended.data

    def client(self, client_id: str) -> Any:
        return self.call("clients", "show", client_id, "--json").data


@pytest.fixture
def imports(tokenbooth: Command) -> Importer:
    return Importer(tokenbooth)


def by_id(report: Any) -> dict[str, Any]:
    return {each["client_id"]: each for each in report["clients"]}


def access(client: Any) -> list[tuple[str, list[str]]]:
    return [(each["api"], each["scopes"]) for each in client["access"]]


def test_a_realm_comes_with_its_machines_alone(imports: Importer) -> None:
    report = imports("keycloak", "keycloak-realm.json")

    outcomes = {client_id: each["outcome"] for client_id, each in by_id(report).items()}
    assert outcomes == {
        "billing": "created",
        "by-certificate": "created",
        "masked": "created",
        "signed": "created",
        "https://machine.example.com": "skipped",
        "https://sp.example.com/saml": "skipped",
        "orders-api": "skipped",
        "spa": "skipped",
        "web": "skipped",
    }
    assert (report["created"], report["skipped"]) == (4, 5)


def test_a_keycloak_client_keeps_what_it_had(imports: Importer) -> None:
    report = by_id(imports("keycloak", "keycloak-realm.json"))

    client = imports.client("billing")
    assert (client["name"], client["policy"]["description"]) == ("Billing", "Sends invoices")
    assert client["token_lifetime"] == 600
    assert client["policy"]["claims"] == {"limit": 5}
    assert access(client) == [("invoices.example.com", ["invoices:write", "orders:read"])]
    assert client["grant_types"] == ["client_credentials"]
    assert [each["hint"] for each in client["credentials"]] == ["12KB"]
    assert report["billing"]["lost"] == [
        "the algorithm RS256: here it is the issuer's",
        "the mapper groups",
        "roles of its service account: invoice-writer, realm-management/view-users",
    ]


def test_a_masked_secret_is_never_taken_for_a_secret(imports: Importer) -> None:
    report = imports("keycloak", "keycloak-realm.json")

    assert report["needs_secret"] == ["masked"]
    assert "masks its secret" in by_id(report)["masked"]["needs"]
    assert imports.client("masked")["credentials"] == []
    assert imports.client("masked")["enabled"] is False


def test_what_needed_a_secret_needs_none_once_it_has_one(imports: Importer) -> None:
    imports("keycloak", "keycloak-realm.json")
    imports.call("credentials", "add", "masked")

    assert imports("keycloak", "keycloak-realm.json")["needs_secret"] == []


def test_keycloak_clients_with_keys_and_certificates_keep_their_ways(imports: Importer) -> None:
    imports("keycloak", "keycloak-realm.json")

    signed, certified = imports.client("signed"), imports.client("by-certificate")
    assert signed["auth_methods"] == ["private_key_jwt"]
    assert [each["hint"] for each in signed["credentials"]] == ["signed.example.com"]
    assert certified["auth_methods"] == ["tls_client_auth"]
    assert certified["policy"]["certificate_bound"] is True
    assert [each["kind"] for each in certified["credentials"]] == ["certificate"]


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("keycloak", "keycloak-realm.json"),
        ("hydra", "hydra-clients.json"),
        ("hydra", "hydra-dump.sql"),
        ("hydra", "hydra-mysql.sql"),
        ("auth0", "auth0"),
    ],
)
def test_the_same_import_again_changes_nothing(imports: Importer, system: str, name: str) -> None:
    options = ["--keywords", str(EXPORTS / "auth0-config.json")] if system == "auth0" else []
    first = imports(system, name, *options)
    before = imports.call("export").out

    again = imports(system, name, *options)

    assert first["created"] == again["unchanged"] > 0
    assert (again["created"], again["changed"]) == (0, 0)
    assert imports.call("export").out == before


def test_a_dry_run_reports_and_changes_nothing(imports: Importer) -> None:
    report = imports("keycloak", "keycloak-realm.json", "--dry-run")

    assert (report["created"], report["dry_run"]) == (4, True)
    assert imports.call("clients", "list", "--json").data == []
    assert imports.call("apis", "list", "--json").data == []


def test_an_import_takes_nothing_away(imports: Importer) -> None:
    imports("keycloak", "keycloak-realm.json")
    imports.call("apis", "create", "more", "--audience", "urn:more", "--scopes", "x")
    imports.call("clients", "grant", "billing", "--api", "more")
    imports.call("clients", "disable", "billing")

    report = imports("keycloak", "keycloak-realm.json")

    assert by_id(report)["billing"]["outcome"] == "unchanged"
    client = imports.client("billing")
    assert client["enabled"] is False
    assert [each["api"] for each in client["access"]] == ["invoices.example.com", "more"]


def test_what_cannot_be_here_is_left_out_and_the_client_comes(
    imports: Importer, tmp_path: Path
) -> None:
    realm = json.loads((EXPORTS / "keycloak-realm.json").read_text())
    billing = next(each for each in realm["clients"] if each["clientId"] == "billing")
    billing["attributes"]["access.token.lifespan"] = "31536000"
    billing["protocolMappers"][1]["config"]["claim.name"] = "scope"
    billing["defaultClientScopes"].append('a "b"')
    realm["clientScopes"].append({"name": 'a "b"'})
    (tmp_path / "realm.json").write_text(json.dumps(realm))

    report = by_id(imports("keycloak", str(tmp_path / "realm.json")))["billing"]

    client = imports.client("billing")
    assert report["outcome"] == "created"
    assert client["token_lifetime"] == 31 * 86_400
    assert client["policy"]["claims"] == {}
    told = "\n".join(report["lost"])
    assert "the claim 'scope'" in told
    assert "the scope 'a \"b\"'" in told
    assert "tokens that live 31536000 seconds" in told


def test_clients_of_a_partial_export_call_an_api_that_is_named(
    imports: Importer, tmp_path: Path
) -> None:
    realm = json.loads((EXPORTS / "keycloak-realm.json").read_text())
    (tmp_path / "clients.json").write_text(json.dumps(realm["clients"]))

    imports("keycloak", str(tmp_path / "clients.json"), "--audience", "https://all.example.com")

    assert access(imports.client("billing")) == [
        ("imported", ["invoices:write", "orders:read", "hidden"])
    ]
    apis = imports.call("apis", "list", "--json").data
    assert "https://all.example.com" in [api["audience"] for api in apis]


def test_hydras_list_brings_everything_but_secrets(imports: Importer) -> None:
    report = imports("hydra", "hydra-clients.json")

    client_id = "8f2c1f0a-3a4e-4a37-9f0e-5b0a6d5f5a11"
    client = imports.client(client_id)
    assert (client["name"], client["token_format"]) == ("Orders", "opaque")
    assert client["token_lifetime"] == 5400
    assert access(client) == [("orders.example.com", ["orders:read", "orders:write"])]
    assert report["needs_secret"] == [client_id]
    assert by_id(report)[client_id]["lost"] == [
        "the grant authorization_code",
        "contacts",
        "metadata",
    ]
    assert imports.client("keyed")["auth_methods"] == ["private_key_jwt"]
    assert by_id(report)["web"]["outcome"] == "skipped"


def test_hydras_database_brings_the_hashes(imports: Importer) -> None:
    report = imports("hydra", "hydra-dump.sql")

    assert report["needs_secret"] == []
    nightly = imports.client("nightly")
    assert nightly["token_lifetime"] == 1800
    assert nightly["auth_methods"] == ["client_secret_post"]
    assert [each["kind"] for each in nightly["credentials"]] == ["secret"]
    assert access(imports.client("legacy")) == [("hydra", ["orders:read"])]


def test_a_dump_of_mysql_is_read_too(imports: Importer) -> None:
    imports("hydra", "hydra-mysql.sql")

    nightly, other = imports.client("nightly"), imports.client("other")
    assert (nightly["name"], other["name"]) == ("O'Hara, nightly", "Other (one)")
    assert nightly["grant_types"] == ["client_credentials", "refresh_token"]
    assert access(nightly) == [("hydra", ["orders:read", "orders:write"])]
    assert access(other) == [("orders.example.com", ["orders:read"])]


def test_auth0_comes_with_what_its_grants_allow(imports: Importer) -> None:
    report = imports("auth0", "auth0", "--keywords", str(EXPORTS / "auth0-config.json"))

    client = imports.client("AbCdEf0123456789AbCdEf0123456789")
    assert client["name"] == "Nightly run"
    assert access(client) == [("Orders-API", ["read:orders"])]
    assert client["token_lifetime"] == 7200
    assert client["auth_methods"] == ["client_secret_post"]
    assert (client["policy"]["quota_per_hour"], client["policy"]["quota_observe"]) == (100, True)
    assert access(imports.client("signed0123456789"))[0][1] == ["read:orders", "write:orders"]
    assert report["needs_secret"] == ["signed0123456789"]
    reports = by_id(report)
    assert "AUTH0_EXPORT_IDENTIFIERS" in reports["No id"]["reason"]
    assert (
        "its access to Auth0's own Management API"
        in (reports["AbCdEf0123456789AbCdEf0123456789"]["lost"])
    )


def test_markers_of_auth0_have_to_be_filled(imports: Importer) -> None:
    report = by_id(imports("auth0", "auth0"))
    yaml = imports.call("import", "auth0", str(EXPORTS / "auth0-tenant.yaml"))

    assert "fill the marker with --keywords" in report["signed0123456789"]["reason"]
    assert yaml.code == 2
    assert "--keywords config.json" in yaml.err


def test_auth0s_yaml_is_read_too(imports: Importer) -> None:
    keywords = str(EXPORTS / "auth0-config.json")

    report = imports("auth0", "auth0-tenant.yaml", "--keywords", keywords)

    assert report["created"] == 1
    client = imports.client("AbCdEf0123456789AbCdEf0123456789")
    assert (client["policy"]["quota_per_hour"], client["policy"]["quota_observe"]) == (50, False)


def test_the_report_for_people_says_what_to_do(imports: Importer) -> None:
    ended = imports.call("import", "keycloak", str(EXPORTS / "keycloak-realm.json"))

    assert "created    billing\n" in ended.out
    assert "needs a new secret or key: The export masks its secret." in ended.out
    assert "4 created, 0 changed, 0 unchanged, 5 skipped." in ended.out
    assert "YNqtYBjOoGi2MTg5JlbJBPLENLWd12KB" not in ended.out + ended.err


def test_clients_go_to_the_issuer_that_is_named(imports: Importer) -> None:
    imports.call("issuers", "create", "sandbox")

    imports("hydra", "hydra-dump.sql", "--issuer", "sandbox")

    listed = imports.call("clients", "list", "--issuer", "sandbox", "--json").data
    assert [each["client_id"] for each in listed] == ["legacy", "nightly"]
    missing = imports.call("import", "hydra", str(EXPORTS / "hydra-dump.sql"), "--issuer", "x")
    assert missing.code == 6


def test_an_issuer_that_forbids_secrets_gets_none(imports: Importer) -> None:
    imports.call("issuers", "create", "bank", "--profile", "fapi2")

    report = imports("hydra", "hydra-dump.sql", "--issuer", "bank")

    assert report["created"] == 0
    assert "FAPI 2.0" in by_id(report)["nightly"]["reason"]


@pytest.mark.parametrize("system", ["keycloak", "hydra", "auth0"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b"1", b"hydra_client", b"a: ["]
)
def test_what_is_no_export_is_a_usage_error(
    imports: Importer, tmp_path: Path, system: str, content: bytes
) -> None:
    (tmp_path / "export").write_bytes(content)

    ended = imports.call("import", system, str(tmp_path / "export"))

    assert ended.code == 2
    assert "no export of" in ended.err or "no rows" in ended.err


def test_a_missing_file_is_a_usage_error(imports: Importer) -> None:
    assert imports.call("import", "keycloak", "none.json").code == 2
    assert imports.call("import", "auth0", "none").code == 2
    config = imports.call("import", "auth0", str(EXPORTS / "auth0"), "--keywords", "none.json")
    assert config.code == 2


@pytest.mark.parametrize("system", ["keycloak", "auth0"])
def test_what_a_file_says_does_nothing_to_the_terminal(
    tokenbooth: Command, tmp_path: Path, system: str
) -> None:
    names = ["\x1b]0;owned\x07", "\x1b[2Jnothing to see", "\ud800", "line\nbreak"]
    clients = [
        {"clientId": name, "client_id": name, "name": name, "serviceAccountsEnabled": True}
        | {"app_type": "non_interactive", "secret": "x" * 40}
        for name in names
    ]
    file = tmp_path / "export.json"
    file.write_text(json.dumps({"realm": "r", "clients": clients}), "ascii")

    for ended in (
        tokenbooth("import", system, str(file)),
        tokenbooth("import", system, str(file), "--json"),
    ):
        assert ended.code == 0, ended.err
        assert "\x1b" not in ended.out + ended.err
    assert "\ufffd]0;owned\ufffd" in tokenbooth("import", system, str(file)).out
