import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.protocol import certificates

SECRET = "b9f0c7d1e2a34b5c6d7e8f90a1b2c3d4e5f60718"
WHOLE = """\
[accounts.acme]
title = "Acme Ltd"

[issuers.default]
token_lifetime = 1800

[issuers.default.apis.persons]
audience = "https://api.example.com"
self_service = true
claims = { tier = "gold", limits = { rate = 5 } }
[issuers.default.apis.persons.scopes]
"persons:read" = "See persons"
"persons:write" = ""
[[issuers.default.apis.persons.authorization_details]]
type = "payment"
actions = ["read"]

[issuers.default.clients.my-app]
name = "My app"
description = "Runs at night"
account = "acme"
access = [{ api = "persons", scopes = ["persons:read"] }]
networks = ["192.0.2.0/24"]
networks_observe = true
quota_per_hour = 200
authorization_details = ["payment"]
token_lifetime = 600

[[issuers.default.clients.my-app.credentials]]
label = "main"
secret = "env:MY_APP_SECRET"

[issuers.sandbox]
dialect = "truphone"
[issuers.sandbox.apis.persons]
audience = "https://sandbox.example.com"
scopes = ["persons:read"]
[issuers.sandbox.clients."my.app"]
access = [{ api = "persons" }]
"""


class Booth:
    """A booth in the working directory, managed by files."""

    def __init__(self, call: Command) -> None:
        self.call = call

    def write(self, text: str, name: str = "booth.toml") -> None:
        Path(name).write_text(text)

    def apply(self, text: str, *options: str) -> Any:
        self.write(text)
        ended = self.call("apply", "-f", "booth.toml", "--yes", "--json", *options)
        assert ended.code == 0, ended.err
        return ended.data

    def plan(self, text: str, *options: str) -> Any:
        self.write(text)
        ended = self.call("plan", "-f", "booth.toml", "--json", *options)
        assert ended.code == 0, ended.err
        return ended.data

    def refusal(self, text: str) -> str:
        self.write(text)
        ended = self.call("plan", "-f", "booth.toml")
        assert ended.code == 2, ended.out
        return ended.err.removeprefix("tokenbooth: ")

    def client(self, client_id: str, issuer: str = "default") -> Any:
        return self.call("clients", "show", client_id, "--issuer", issuer, "--json").data


@pytest.fixture
def booth(tokenbooth: Command, monkeypatch: pytest.MonkeyPatch) -> Booth:
    monkeypatch.setenv("MY_APP_SECRET", SECRET)
    return Booth(tokenbooth)


def steps(plan: Any) -> list[tuple[str, str, str]]:
    return [(step["action"], step["kind"], step["name"]) for step in plan["steps"]]


def test_a_file_makes_all_that_it_names(booth: Booth) -> None:
    applied = booth.apply(WHOLE)

    assert steps(applied) == [
        ("create", "account", "acme"),
        ("change", "issuer", "default"),
        ("create", "issuer", "sandbox"),
        ("create", "api", "persons"),
        ("create", "api", "persons"),
        ("create", "client", "my-app"),
        ("create", "credential", "secret …0718 (main)"),
        ("create", "client", "my.app"),
    ]
    client = booth.client("my-app")
    assert (client["name"], client["account"], client["token_lifetime"]) == (
        "My app",
        "acme",
        600,
    )
    assert client["access"] == [{"api": "persons", "scopes": ["persons:read"]}]
    assert client["policy"]["networks"] == ["192.0.2.0/24"]
    assert [(each["kind"], each["label"]) for each in client["credentials"]] == [("secret", "main")]
    sandbox = booth.call("issuers", "show", "sandbox", "--json").data
    assert (sandbox["dialect"], sandbox["token_lifetime"]) == ("truphone", 300)
    assert len(booth.call("keys", "list", "--issuer", "sandbox", "--json").data) == 2


def test_a_second_apply_finds_nothing_to_do_and_changes_nothing(booth: Booth) -> None:
    booth.apply(WHOLE)
    before = booth.client("my-app")

    again = booth.apply(WHOLE)

    assert (again["steps"], again["applied"], again["unchanged"]) == ([], False, 7)
    assert booth.client("my-app") == before


def test_a_plan_shows_and_changes_nothing(booth: Booth) -> None:
    booth.write(WHOLE)

    shown = booth.call("plan", "-f", "booth.toml")

    assert "+ client my-app" in shown.out
    assert "token_lifetime: 3600 → 1800" in shown.out
    assert "7 to create, 1 to change, 0 unchanged." in shown.out
    assert SECRET not in shown.out + shown.err
    assert booth.call("clients", "list", "--json").data == []


def test_a_change_shows_the_old_and_the_new_value(booth: Booth) -> None:
    booth.apply(WHOLE)

    plan = booth.plan(WHOLE.replace("quota_per_hour = 200", "quota_per_hour = 300"))

    assert plan["steps"] == [
        {
            "action": "change",
            "kind": "client",
            "issuer": "default",
            "client_id": "my-app",
            "name": "my-app",
            "changes": {"quota_per_hour": [200, 300]},
        }
    ]


def test_what_a_file_leaves_out_has_its_usual_value(booth: Booth) -> None:
    booth.apply(WHOLE)

    booth.apply(WHOLE.replace('networks = ["192.0.2.0/24"]\nnetworks_observe = true\n', ""))

    assert booth.client("my-app")["policy"]["networks"] == []


def test_an_issuer_of_which_no_setting_is_said_stays_as_it_is(booth: Booth) -> None:
    booth.apply("[issuers.default]\ntoken_lifetime = 60\n")

    booth.apply('[issuers.default.apis.a]\naudience = "urn:a"\nscopes = ["x"]\n')

    assert booth.call("issuers", "show", "default", "--json").data["token_lifetime"] == 60


def test_drift_ends_with_1_once_somebody_changed_something(booth: Booth) -> None:
    booth.apply(WHOLE)
    assert booth.call("drift", "-f", "booth.toml").code == 0

    booth.call("clients", "disable", "my-app")
    drifted = booth.call("drift", "-f", "booth.toml")

    assert drifted.code == 1
    assert "enabled: false → true" in drifted.out


def test_a_disabled_client_is_enabled_and_disabled_by_its_file(booth: Booth) -> None:
    booth.apply(WHOLE)

    booth.apply(WHOLE.replace('name = "My app"', 'name = "My app"\nenabled = false'))

    assert booth.client("my-app")["enabled"] is False
    booth.apply(WHOLE)
    assert booth.client("my-app")["enabled"] is True


def test_apply_needs_yes_without_a_terminal(booth: Booth) -> None:
    booth.write(WHOLE)

    ended = booth.call("apply", "-f", "booth.toml")

    assert ended.code == 2
    assert "--yes" in ended.err
    assert booth.call("clients", "list", "--json").data == []


def test_a_file_may_come_on_stdin(booth: Booth) -> None:
    ended = booth.call("apply", "-f", "-", "--yes", stdin=WHOLE.encode())

    assert ended.code == 0, ended.err


def test_several_files_say_it_together(booth: Booth) -> None:
    api, client = WHOLE.split("[issuers.default.clients.my-app]", 1)
    booth.write(api, "apis.toml")
    booth.write("[issuers.default.clients.my-app]" + client, "clients.toml")

    ended = booth.call("apply", "-f", "clients.toml", "-f", "apis.toml", "--yes", "--json")

    assert ended.data["create"] == 7


def test_the_same_thing_in_two_files_is_refused(booth: Booth) -> None:
    booth.write("[accounts.acme]\n", "one.toml")
    booth.write("[accounts.acme]\n", "two.toml")

    ended = booth.call("plan", "-f", "one.toml", "-f", "two.toml")

    assert ended.code == 2
    assert "two.toml:1: accounts.acme: This is said twice: also in one.toml:1" in ended.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[issuer.default]\n", "booth.toml:1: issuer: There is no such key here. Did you mean"),
        ("a = \n", "This is no TOML"),
        ("[issuers.default]\ntoken_lifetime = '1h'\n", "booth.toml:2: issuers.default.token_lif"),
        ("[issuers.default]\ntoken_lifetme = 1\n", "Did you mean 'token_lifetime'?"),
        ("issuers = 1\n", "This is a table of tables"),
        ("[issuers]\ndefault = 1\n", "This is a table, not a value."),
        ("[issuers.default]\ndialect = 'trufone'\n", "Did you mean 'truphone'?"),
        ("[issuers.default]\nalg = 'HS256'\n", "ES256"),
        ("[issuers.default]\nkey_lifetime_days = 0\n", "1 day to 10 years"),
        ("[issuers.default]\nurl = 'http://example.com'\n", "https"),
        ("[issuers.console]\nalg = 'ES256'\n", "reserved"),
        ("[issuers.a]\nurl = 'https://a.example'\n[issuers.b]\nurl='https://a.example'\n", "too"),
        ("[accounts.Acme]\n", "no account name"),
        ("[issuers.default.apis.a]\nscopes = ['x']\n", "audience"),
        ("[issuers.default.apis.a]\naudience = 'a'\n", "absolute URI"),
        ("[issuers.default.apis.a]\naudience = 'urn:a'\nscopes = ['x y']\n", "not one scope"),
        ("[issuers.default.apis.a]\naudience = 'urn:a'\nclaims = { sub = 'x' }\n", "meaning of"),
        ("[issuers.default.apis.a]\naudience = 'urn:a'\nclaims = 'x'\n", "JSON object"),
        (
            "[issuers.default.apis.a]\naudience='urn:a'\n[issuers.default.apis.b]\naudience='urn:a'\n",
            "belongs to the API",
        ),
        ("[issuers.default.clients.x]\n", "at least one API"),
        ("[issuers.default.clients.'ä']\naccess=[{api='a'}]\n", "no client id"),
        ("[issuers.default.clients.x]\naccess=[{api='a', scop=['x']}]\n", "access[0].scop"),
    ],
)
def test_a_mistake_is_told_with_its_place(booth: Booth, text: str, said: str) -> None:
    assert said in booth.refusal(text)


API = '[issuers.default.apis.persons]\naudience = "urn:persons"\nscopes = ["a", "b"]\n'
CLIENT = '[issuers.default.clients.c]\naccess = [{ api = "persons" }]\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("account = 'acme'", "There is no account 'acme'"),
        ("token_lifetime = 0", "1 second"),
        ("networks = ['nonsense']", "192.0.2.0/24"),
        ("quota_observe = true", "no quota to observe"),
        ("exchanges = ['person']", "Did you mean 'persons'"),
        ("authorization_details = ['payment']", "no type of details 'payment'"),
        ("auth_methods = ['client_secret']", "no way to authenticate 'client_secret'"),
        ("auth_methods = []", "at least one way"),
        ("grant_types = ['password']", "no grant 'password'"),
        ("resource_server_for = ['orders']", "no API 'orders'"),
        ("claims = { iss = 'x' }", "meaning of its own"),
        ('name = "a\\tb"', "printable"),
        ("token_format = 'saml'", "token_format"),
        ("credentials = [{ label = 'x' }]", "Say one of these"),
        ("credentials = [{ secret = 'hunter2' }]", "Never write a secret into the file"),
        ("credentials = [{ secret = 'env:NOT_SET' }]", "Set the environment variable NOT_SET"),
        ("credentials = [{ secret = 'file:none' }]", "readable"),
        ("credentials = [{ secret = 'env:WEAK' }]", "openssl rand -hex 32"),
        ("credentials = [{ jwk = 'file:none' }]", "readable"),
        ("credentials = [{ jwk = 'nonsense' }]", "JWK"),
        ("credentials = [{ jwks_uri = 'ftp://x' }]", "http"),
        ("credentials = [{ certificate = 'nonsense' }]", "certificate"),
        ("credentials = [{ san_dns = '*' }]", "credentials[0]"),
        ("credentials = [{ trust = { issuer = 'x', rules = [] } }]", "credentials[0]"),
        ("credentials = [{ trust = { isuer = 'x' } }]", "Did you mean 'issuer'"),
        (
            "credentials = [{ jwks_uri = 'https://a.example', expires_at = 2000-01-01T00:00:00Z }]",
            "expired already",
        ),
        (
            "credentials = [{ jwks_uri = 'https://a.example', expires_at = 2000-01-01T00:00:00 }]",
            "time zone",
        ),
    ],
)
def test_a_client_that_cannot_be_is_refused_with_its_line(
    booth: Booth, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    monkeypatch.setenv("WEAK", "aaaa" * 10)

    refusal = booth.refusal(f"{API}{CLIENT}{line}\n")

    assert said in refusal
    assert re.match(r"booth\.toml:[4-6]: issuers\.default\.clients\.c", refusal)
    assert "hunter2" not in refusal
    assert "aaaa" not in refusal


def test_every_mistake_is_told_at_once(booth: Booth) -> None:
    refusal = booth.refusal("[accounts.a]\nx = 1\n[issuers.default]\ny = 2\n")

    assert len(refusal.splitlines()) == 2


def test_unknown_scopes_of_a_client_are_refused(booth: Booth) -> None:
    client = CLIENT.replace('"persons" }', '"persons", scopes = ["c"] }')

    assert "no scope 'c' of the API persons" in booth.refusal(API + client)


def test_a_secret_may_lie_in_a_file_beside_the_configuration(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("config")
    folder.mkdir()
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "booth.toml").write_text(
        f"{API}{CLIENT}credentials = [{{ secret = 'file:secret' }}]\n"
    )

    ended = booth.call("apply", "-f", "config/booth.toml", "--yes")

    assert ended.code == 0, ended.err
    assert len(booth.client("c")["credentials"]) == 1


def test_a_secret_that_people_rotated_stays_rotated(booth: Booth) -> None:
    booth.apply(WHOLE)
    booth.call("credentials", "rotate", "my-app", "--overlap", "1h")

    plan = booth.plan(WHOLE)

    assert plan["steps"] == []


def test_another_secret_of_the_file_is_added_and_the_old_one_stays(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    booth.apply(WHOLE)
    monkeypatch.setenv("MY_APP_SECRET", SECRET[::-1])

    booth.apply(WHOLE)

    assert len(booth.client("my-app")["credentials"]) == 2


def test_prune_removes_secrets_only_where_the_file_brings_one(booth: Booth) -> None:
    booth.apply(WHOLE)
    booth.call("credentials", "add", "my-app")
    booth.call("credentials", "add", "my.app", "--issuer", "sandbox")

    applied = booth.apply(WHOLE, "--prune")

    assert [(s["action"], s["client_id"]) for s in applied["steps"]] == [("delete", "my-app")]
    assert len(booth.client("my-app")["credentials"]) == 1
    assert len(booth.client("my.app", "sandbox")["credentials"]) == 1


def test_keys_certificates_and_identities_are_credentials_too(booth: Booth) -> None:
    Path("client.pem").write_bytes(certificates.make().pem)
    text = f"""{API}
[issuers.default.clients.keys]
access = [{{ api = "persons" }}]
[[issuers.default.clients.keys.credentials]]
jwk = {{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }}
label = "laptop"
expires_at = 2099-01-01T00:00:00Z
[[issuers.default.clients.keys.credentials]]
jwks_uri = "https://client.example.com/jwks.json"
[[issuers.default.clients.keys.credentials]]
certificate = "file:client.pem"
[[issuers.default.clients.keys.credentials]]
subject_dn = "CN=client,O=Acme"
[[issuers.default.clients.keys.credentials]]
[issuers.default.clients.keys.credentials.trust]
issuer = "https://token.actions.githubusercontent.com"
rules = ["sub=repo:acme/app:*"]
[[issuers.default.clients.keys.credentials]]
[issuers.default.clients.keys.credentials.spiffe]
id = "spiffe://acme.example/app"
trust_domain = "acme.example"
bundle_endpoint = "https://spiffe.acme.example/bundle"
"""
    booth.apply(text)

    client = booth.client("keys")
    assert client["auth_methods"][:3] == [
        "private_key_jwt",
        "self_signed_tls_client_auth",
        "tls_client_auth",
    ]
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" in client["grant_types"]
    assert len(client["credentials"]) == 6
    assert booth.plan(text, "--prune")["steps"] == []
    exported = booth.call("export").out
    assert booth.plan(exported, "--prune")["steps"] == []


def test_prune_deletes_what_the_named_issuers_have_besides(booth: Booth) -> None:
    booth.apply(WHOLE)
    without_client = WHOLE.split('[issuers.sandbox.clients."my.app"]', maxsplit=1)[0]

    assert booth.plan(without_client)["steps"] == []
    applied = booth.apply(without_client, "--prune")

    assert steps(applied) == [("delete", "client", "my.app")]
    assert booth.call("clients", "show", "my.app").code == 6


def test_prune_leaves_customers_clients_and_other_issuers_alone(booth: Booth) -> None:
    booth.apply(WHOLE)
    options = ["--api", "persons", "--account", "acme"]
    booth.call("clients", "create", "--id", "theirs", *options)

    assert booth.plan(WHOLE, "--prune")["steps"] == []
    assert booth.plan("[accounts.acme]\ntitle='Acme Ltd'\n", "--prune")["steps"] == []


def test_prune_refuses_to_delete_an_api_that_a_client_uses(booth: Booth) -> None:
    booth.apply(WHOLE)
    booth.write('[issuers.default.apis.orders]\naudience = "urn:orders"\n')

    ended = booth.call("plan", "-f", "booth.toml", "--prune")

    assert ended.code == 2
    assert "the client 'my-app' uses it" in ended.err


def test_audiences_may_change_places(booth: Booth) -> None:
    text = (
        "[issuers.default.apis.a]\naudience = 'urn:1'\nscopes=['x']\n"
        "[issuers.default.apis.b]\naudience = 'urn:2'\nscopes=['x']\n"
    )
    booth.apply(text)

    booth.apply(text.replace("1", "3").replace("2", "1").replace("3", "2"))

    apis = booth.call("apis", "list", "--json").data
    assert [(api["name"], api["audience"]) for api in apis] == [("a", "urn:2"), ("b", "urn:1")]


def test_an_api_may_take_over_the_audience_of_one_that_goes(booth: Booth) -> None:
    booth.apply("[issuers.default.apis.old]\naudience = 'urn:1'\nscopes=['x']\n")

    booth.apply("[issuers.default.apis.new]\naudience = 'urn:1'\nscopes=['x']\n", "--prune")

    assert [api["name"] for api in booth.call("apis", "list", "--json").data] == ["new"]


def test_a_client_of_the_management_api_may_be_made_before_the_service_runs(booth: Booth) -> None:
    applied = booth.apply(
        "[issuers.default.clients.ci]\n"
        "access = [{ api = 'management', scopes = ['clients:read', 'clients:write'] }]\n"
    )

    assert ("create", "api", "management") in steps(applied)


def test_an_export_holds_no_secret_and_says_so(booth: Booth) -> None:
    booth.apply(WHOLE)

    exported = booth.call("export")

    assert SECRET not in exported.out
    assert "Its secrets are in no file: …0718 main" in exported.out
    assert booth.plan(exported.out)["steps"] == []


def test_an_export_makes_the_same_booth_elsewhere(
    booth: Booth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    booth.apply(WHOLE)
    exported = booth.call("export").out
    monkeypatch.setenv("TOKENBOOTH_DATABASE", f"sqlite:///{tmp_path}/other.db")

    booth.apply(exported)

    assert booth.call("export").out == re.sub("# .*\n", "", exported)


def test_one_issuer_is_exported_with_its_accounts(booth: Booth) -> None:
    booth.apply(WHOLE)

    exported = booth.call("export", "--issuer", "sandbox", "--json").data["configuration"]

    assert "[issuers.sandbox]" in exported
    assert "[issuers.default]" not in exported
    assert "[accounts.acme]" not in exported
    assert booth.call("export", "--issuer", "nowhere").code == 6


def test_an_export_goes_into_a_file(booth: Booth) -> None:
    booth.apply(WHOLE)

    ended = booth.call("export", "-o", "out.toml", "--json")

    assert ended.data == {"file": "out.toml"}
    assert booth.call("drift", "-f", "out.toml").code == 0


def test_a_file_that_cannot_be_read_is_a_usage_error(booth: Booth) -> None:
    Path("binary.toml").write_bytes(b"\xff\xfe")

    assert booth.call("plan", "-f", "none.toml").code == 2
    assert booth.call("plan", "-f", "binary.toml").code == 2
    assert booth.call("plan").code == 2
    booth.write(WHOLE)
    assert booth.call("plan", "-f", "booth.toml", "-f", "booth.toml").code == 2


def test_new_clients_without_a_secret_are_told_what_to_do(booth: Booth) -> None:
    booth.write(API + CLIENT)

    ended = booth.call("apply", "-f", "booth.toml", "--yes")

    assert "tokenbooth credentials add c --issuer default" in ended.err


def test_the_example_is_a_good_file(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_SECRET", SECRET)
    example = Path(__file__).parents[2] / "examples" / "booth.toml"

    ended = booth.call("apply", "-f", str(example), "--yes", "--json")

    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["applied"] is True
