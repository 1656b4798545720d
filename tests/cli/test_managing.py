import re
from typing import Any

import pytest

from tests.cli.conftest import Command

SECRET = re.compile(r"tbs_[a-z0-9]{6}_[A-Za-z0-9]{12}_[A-Za-z0-9]{49}")


def test_a_dialect_alone_brings_the_vendors_ways(tokenbooth: Command) -> None:
    made = tokenbooth("issuers", "create", "truphone", "--dialect", "truphone", "--json").data

    assert made["token_lifetime"] == 300
    assert made["refresh_tokens"] is True
    assert made["refresh_lifetime"] == 1800
    assert made["url"] == "http://127.0.0.1:8080/truphone"
    assert made["token_endpoint"].endswith(
        "/truphone/auth/realms/tru-staff/protocol/openid-connect/token"
    )


def test_an_issuer_is_made_as_told(tokenbooth: Command) -> None:
    made = tokenbooth(
        "issuers", "create", "sandbox", "--token-format", "opaque", "--token-lifetime", "30m",
        "--refresh-tokens", "--refresh-lifetime", "1h", "--alg", "EdDSA",
        "--issuer-url", "https://sandbox.example.com", "--json",
    ).data  # fmt: skip

    assert tokenbooth("issuers", "show", "sandbox", "--json").data == made
    assert made["token_format"] == "opaque"
    assert (made["token_lifetime"], made["refresh_lifetime"]) == (1800, 3600)
    assert (made["refresh_tokens"], made["alg"]) == (True, "EdDSA")
    assert made["token_endpoint"] == "https://sandbox.example.com/oauth2/token"


def test_a_new_issuer_has_its_keys(tokenbooth: Command) -> None:
    tokenbooth("issuers", "create", "sandbox", "--alg", "EdDSA")

    keys = tokenbooth("keys", "list", "--issuer", "sandbox", "--json").data

    assert [(key["purpose"], key["alg"], key["status"]) for key in keys] == [
        ("seal", "A256GCM", "current"),
        ("sign", "EdDSA", "current"),
    ]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["Sandbox"], "a-z"),
        (["console"], "reserved"),
        (["connect"], "reserved"),
        (["sandbox", "--dialect", "trufone"], "Did you mean 'truphone'"),
        (["sandbox", "--issuer-url", "https://example.com/"], "slash"),
        (["sandbox", "--issuer-url", "http://example.com"], "https"),
        (["sandbox", "--token-lifetime", "0"], "1 second"),
        (["sandbox", "--token-lifetime", "10y"], "span of time"),
        (["sandbox", "--alg", "HS256"], "ES256"),
    ],
)
def test_an_issuer_that_cannot_be_is_a_usage_error(
    tokenbooth: Command, arguments: list[str], word: str
) -> None:
    ended = tokenbooth("issuers", "create", *arguments)

    assert ended.code == 2
    assert word in ended.err


def test_a_taken_issuer_name_or_url_is_a_conflict(tokenbooth: Command) -> None:
    tokenbooth("issuers", "create", "one", "--issuer-url", "https://one.example.com")

    assert tokenbooth("issuers", "create", "one").code == 7
    assert tokenbooth("issuers", "create", "default").code == 7
    url = ["--issuer-url", "https://one.example.com"]
    assert tokenbooth("issuers", "create", "two", *url).code == 7
    own = ["--issuer-url", "http://127.0.0.1:8080"]
    assert "'default'" in tokenbooth("issuers", "create", "two", *own).err


def test_a_missing_issuer_is_not_found_and_guessed(tokenbooth: Command) -> None:
    ended = tokenbooth("issuers", "show", "defualt")

    assert ended.code == 6
    assert "Did you mean 'default'?" in ended.err


def test_lists_are_tables_for_people(persons: Command) -> None:
    heading, *rows = persons("apis", "list").out.splitlines()

    assert heading.split() == ["ISSUER", "NAME", "AUDIENCE", "SCOPES", "SELF", "SERVICE"]
    assert rows == ["default  persons  https://api.example.com  persons:read, persons:write  no"]


def test_an_api_is_shown_extended_and_deleted(persons: Command) -> None:
    added = persons("apis", "add-scopes", "persons", "persons:delete persons:read", "--json").data

    assert added["scopes"] == ["persons:read", "persons:write", "persons:delete"]
    assert persons("apis", "show", "persons", "--json").data == added
    assert persons("apis", "delete", "persons").code == 0
    assert persons("apis", "show", "persons").code == 6


@pytest.mark.parametrize(
    ("audience", "scopes", "word"),
    [
        ("api.example.com", "a", "absolute URI"),
        ("https://", "a", "absolute URI"),
        ("https://api.example.com#x", "a", "fragment"),
        ("https://api.example.com/a b", "a", "space"),
        ("https://[", "a", "no URI"),
        ("https://api.example.com", 'a "b"', "quotes"),
    ],
)
def test_an_api_that_cannot_be_is_a_usage_error(
    tokenbooth: Command, audience: str, scopes: str, word: str
) -> None:
    ended = tokenbooth("apis", "create", "persons", "--audience", audience, "--scopes", scopes)

    assert ended.code == 2
    assert word in ended.err


def test_a_taken_api_name_or_audience_is_a_conflict(persons: Command) -> None:
    def make(name: str, audience: str) -> int:
        return persons("apis", "create", name, "--audience", audience, "--scopes", "a").code

    assert make("persons", "https://other.example.com") == 7
    assert make("others", "https://api.example.com") == 7
    assert make("others", "urn:example:others") == 0


def test_an_api_in_use_is_not_deleted(persons: Command, client: dict[str, Any]) -> None:
    assert persons("apis", "delete", "persons").code == 7


def test_a_new_client_is_told_all_it_needs(client: dict[str, Any]) -> None:
    assert SECRET.fullmatch(client.pop("client_secret"))
    assert re.fullmatch(r"[A-Za-z0-9]{12}", client.pop("credential_id"))
    assert client == {
        "client_id": "my-app",
        "issuer": "default",
        "issuer_url": "http://127.0.0.1:8080",
        "token_endpoint": "http://127.0.0.1:8080/oauth2/token",
        "name": "",
        "account": None,
        "access": [{"api": "persons", "scopes": ["persons:read", "persons:write"]}],
        "resource_server_for": [],
        "auth_methods": ["client_secret_basic", "client_secret_post"],
    }


def test_people_are_told_that_the_secret_is_shown_once(persons: Command) -> None:
    ended = persons("clients", "create", "--api", "persons")

    assert SECRET.search(ended.out)
    assert "shown this once" in ended.err
    assert not SECRET.search(ended.err)


def test_a_client_has_what_it_was_given(persons: Command) -> None:
    persons("accounts", "create", "acme", "--title", "Acme Ltd")
    persons(
        "clients", "create", "--id", "app", "--api", "persons", "--scope", "persons:read",
        "--name", "Nightly import", "--account", "acme", "--auth-method", "client_secret_post",
        "--resource-server", "persons", "--token-format", "opaque", "--token-lifetime", "5m",
        "--no-refresh-tokens",
    )  # fmt: skip

    shown = persons("clients", "show", "app", "--json").data

    assert shown["access"] == [{"api": "persons", "scopes": ["persons:read"]}]
    assert (shown["name"], shown["account"]) == ("Nightly import", "acme")
    assert shown["auth_methods"] == ["client_secret_post"]
    assert shown["resource_server_for"] == ["persons"]
    assert (shown["token_format"], shown["token_lifetime"]) == ("opaque", 300)
    assert shown["refresh_tokens"] is False
    assert len(persons("clients", "list", "--account", "acme", "--json").data) == 1


def test_ids_are_made_up_where_none_is_chosen(persons: Command) -> None:
    ids = {persons("clients", "create", "--api", "persons", "--json").data["client_id"]
           for _ in range(3)}  # fmt: skip

    assert len(ids) == 3
    assert all(re.fullmatch(r"tb_[a-z0-9]{16}", each) for each in ids)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([], 2, "It has: persons"),
        (["--api", "person"], 6, "Did you mean 'persons'?"),
        (["--api", "persons", "--scope", "persons:raed"], 2, "Did you mean 'persons:read'?"),
        (["--api", "persons", "--scope", "xyzzy"], 2, "There are: persons:read, persons:write"),
        (["--api", "persons", "--issuer", "sandbox"], 6, "no issuer 'sandbox'"),
        (["--api", "persons", "--account", "acme"], 6, "no account 'acme'"),
        (["--api", "persons", "--auth-method", "private_key_jwt"], 2, "client_secret_basic"),
        (["--api", "persons", "--auth-method", "none"], 2, "client_secret_basic"),
        (["--api", "persons", "--id", "a:b"], 2, "no client id"),
        (["--api", "persons", "--id", ".."], 2, "no client id"),
        (["--api", "persons", "--id=-v"], 2, "no client id"),
        (["--api", "persons", "--id", "a" * 129], 2, "no client id"),
        (["--api", "persons", "--name", "a\x1b[2Jb"], 2, "printable"),
        (["--api", "persons", "--token-lifetime", "0"], 2, "1 second"),
    ],
)
def test_a_client_that_cannot_be_is_refused_with_what_to_do(
    persons: Command, arguments: list[str], code: int, word: str
) -> None:
    ended = persons("clients", "create", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert word in ended.err
    assert "\x1b" not in ended.err


def test_a_secret_taken_for_an_id_is_not_repeated(persons: Command, client: dict[str, Any]) -> None:
    secret = client["client_secret"]

    ended = persons("clients", "create", "--api", "persons", "--id", secret)

    assert ended.code == 2
    assert secret not in ended.err


def test_a_taken_id_is_a_conflict(persons: Command, client: dict[str, Any]) -> None:
    persons("accounts", "create", "acme")

    assert persons("clients", "create", "--id", "my-app", "--api", "persons").code == 7
    assert persons("clients", "create", "--id", "acme", "--api", "persons").code == 7
    assert persons("accounts", "create", "my-app").code == 7
    assert persons("accounts", "create", "acme").code == 7


def test_an_id_of_several_issuers_needs_the_issuer(
    persons: Command, client: dict[str, Any]
) -> None:
    persons("issuers", "create", "sandbox")
    persons("apis", "create", "persons", "--audience", "https://s.example.com", "--scopes", "a",
            "--issuer", "sandbox")  # fmt: skip
    persons("clients", "create", "--id", "my-app", "--api", "persons", "--issuer", "sandbox")

    ambiguous = persons("clients", "show", "my-app")
    chosen = persons("clients", "show", "my-app", "--issuer", "sandbox", "--json")

    assert ambiguous.code == 2
    assert "default, sandbox" in ambiguous.err
    assert "--issuer" in ambiguous.err
    assert chosen.data["issuer"] == "sandbox"


def test_access_is_granted_in_its_place_and_withdrawn(
    persons: Command, client: dict[str, Any]
) -> None:
    persons("apis", "create", "orders", "--audience", "urn:orders", "--scopes", "c d")

    def access(*arguments: str) -> Any:
        ended = persons("clients", *arguments, "--json")
        assert ended.data["access"] == persons("clients", "show", "my-app", "--json").data["access"]
        return [(each["api"], each["scopes"]) for each in ended.data["access"]]

    orders = ("orders", ["c", "d"])
    assert access("grant", "my-app", "--api", "orders") == [
        ("persons", ["persons:read", "persons:write"]),
        orders,
    ]
    read = ["--api", "persons", "--scope", "persons:read"]
    assert access("grant", "my-app", *read) == [("persons", ["persons:read"]), orders]
    assert access("grant", "my-app", *read) == [("persons", ["persons:read"]), orders]
    assert access("withdraw", "my-app", "--api", "persons") == [orders]


def test_access_that_cannot_be_is_refused(persons: Command, client: dict[str, Any]) -> None:
    def code(*arguments: str) -> int:
        return persons("clients", *arguments).code

    assert code("grant", "my-app", "--api", "orders") == 6
    assert code("grant", "my-app", "--api", "persons", "--scope", "x") == 2
    assert code("withdraw", "my-app", "--api", "orders") == 6
    assert code("withdraw", "nobody", "--api", "persons") == 6


def test_a_client_is_disabled_enabled_and_deleted(persons: Command, client: dict[str, Any]) -> None:
    assert persons("clients", "disable", "my-app", "--json").data["enabled"] is False
    assert persons("clients", "show", "my-app", "--json").data["enabled"] is False
    assert persons("clients", "enable", "my-app", "--json").data["enabled"] is True
    assert persons("clients", "delete", "my-app").code == 0
    assert persons("clients", "delete", "my-app").code == 6


def test_a_long_list_says_that_there_is_more(persons: Command) -> None:
    for number in range(3):
        persons("clients", "create", "--id", f"app-{number}", "--api", "persons")

    ended = persons("clients", "list", "--limit", "2")

    assert len(ended.out.splitlines()) == 3
    assert "more than 2" in ended.err


def test_empty_lists_say_what_to_do_next(tokenbooth: Command) -> None:
    for group in ("apis", "clients", "accounts"):
        ended = tokenbooth(group, "list")
        assert ended.out == ""
        assert f"tokenbooth {group} create" in ended.err


def test_the_issuers_public_address_is_taken_from_the_settings(
    persons: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENBOOTH_ISSUER_URL", "https://auth.example.com")

    ended = persons("clients", "create", "--api", "persons")

    assert "https://auth.example.com/oauth2/token" in ended.out
    assert "TOKENBOOTH_ISSUER_URL" not in ended.err


def test_lists_show_one_issuers_own_where_asked(persons: Command) -> None:
    persons("issuers", "create", "sandbox")

    issuers = persons("issuers", "list", "--json").data
    assert [issuer["name"] for issuer in issuers] == ["default", "sandbox"]
    assert persons("apis", "list", "--issuer", "sandbox", "--json").data == []
    assert persons("clients", "list", "--issuer", "sandbox", "--json").data == []
    assert len(persons("apis", "list", "--issuer", "default", "--json").data) == 1
    assert persons("apis", "list", "--issuer", "xyzzy").code == 6


def test_people_see_fields_and_are_told_what_happened(
    persons: Command, client: dict[str, Any]
) -> None:
    assert "credentials" in persons("clients", "show", "my-app").out
    assert re.search(r"^name +default$", persons("issuers", "show", "default").out, re.MULTILINE)
    assert "Enabled 'my-app'" in persons("clients", "enable", "my-app").err
    assert persons("credentials", "add", "my-app").code == 0
    assert persons("credentials", "remove", "my-app", client["credential_id"]).err == (
        f"Removed the credential {client['credential_id']!r}.\n"
    )
    removed = persons("credentials", "list", "my-app", "--json").data[0]["id"]
    answer = persons("credentials", "remove", "my-app", removed, "--json").data
    assert answer == {"removed": removed, "left": []}
    assert "Deleted 'my-app'" in persons("clients", "delete", "my-app").err
    assert persons("apis", "delete", "persons", "--json").data["name"] == "persons"


def test_everything_that_is_said_about_a_client_is_changed_at_once(
    persons: Command, client: dict[str, Any]
) -> None:
    persons("accounts", "create", "acme")

    changed = persons(
        "clients", "set", "my-app", "--name", "App", "--description", "It counts.",
        "--account", "acme", "--auth-method", "client_secret_basic",
        "--resource-server", "persons", "--token-format", "opaque", "--token-lifetime", "5m",
        "--refresh-tokens", "no", "--certificate-bound", "no", "--dpop-bound", "--dpop-nonce",
        "--quota", "9/h", "--network", "192.0.2.0/24", "--claim", "tier=1", "--json",
    ).data  # fmt: skip
    back = persons(
        "clients", "set", "my-app", "--account", "none", "--resource-server", "none",
        "--token-format", "issuer", "--token-lifetime", "issuer", "--refresh-tokens", "issuer",
        "--certificate-bound", "auto", "--no-dpop-bound", "--quota", "none", "--json",
    ).data  # fmt: skip

    assert (changed["name"], changed["account"], changed["token_lifetime"]) == ("App", "acme", 300)
    assert changed["auth_methods"] == ["client_secret_basic"]
    assert changed["resource_server_for"] == ["persons"]
    assert (changed["token_format"], changed["refresh_tokens"]) == ("opaque", False)
    policy = changed["policy"]
    assert (policy["description"], policy["dpop_bound"], policy["quota_per_hour"]) == (
        "It counts.",
        True,
        9,
    )
    assert (back["account"], back["token_format"], back["token_lifetime"]) == (None, None, None)
    assert (back["resource_server_for"], back["refresh_tokens"]) == ([], None)
    assert back["policy"]["certificate_bound"] is None
    assert back["name"] == "App"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--token-lifetime", "0"),
        ("--resource-server", "nobody"),
        ("--account", "nobody"),
        ("--description", "two\nlines"),
        ("--network", "everywhere"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(
    persons: Command, client: dict[str, Any], wrong: tuple[str, str]
) -> None:
    ended = persons("clients", "set", "my-app", "--name", "App", *wrong)

    assert ended.code in (2, 6)
    assert persons("clients", "show", "my-app", "--json").data["name"] == ""


def test_an_issuer_is_changed_in_part(tokenbooth: Command) -> None:
    tokenbooth("issuers", "create", "sandbox")

    changed = tokenbooth(
        "issuers", "set", "sandbox", "--token-lifetime", "5m", "--refresh-tokens",
        "--token-format", "opaque", "--json",
    )  # fmt: skip

    assert changed.data["token_lifetime"] == 300
    assert (changed.data["refresh_tokens"], changed.data["token_format"]) == (True, "opaque")
    assert changed.data["refresh_lifetime"] == 1800
    assert tokenbooth("issuers", "set", "sandbox").code == 2
    assert tokenbooth("issuers", "set", "sandbox", "--dialect", "klingon").code == 2


def test_an_api_is_changed_in_part(persons: Command) -> None:
    changed = persons(
        "apis", "set", "persons", "--self-service", "--describe", "persons:read=See people",
        "--claim", "tier=1", "--json",
    ).data  # fmt: skip

    assert (changed["self_service"], changed["policy"]["claims"]) == (True, {"tier": 1})
    assert changed["descriptions"] == {"persons:read": "See people"}
    assert changed["audience"] == "https://api.example.com"
    assert persons("apis", "set", "persons", "--describe", "nothing").code == 2
    assert persons("apis", "set", "persons", "--describe", "none=nothing").code == 6
