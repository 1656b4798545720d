"""What a client may ask for beyond scopes, on the command line."""

import pytest

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def test_a_client_gets_grants_exchanges_and_claims(persons):
    made = persons(
        "clients", "create", "--id", "gateway", "--api", "persons", "--resource-server", "persons",
        "--grant", "client_credentials", "--grant", EXCHANGE, "--exchanges", "persons",
        "--claim", 'tier="gold"', "--json",
    )  # fmt: skip
    assert made.code == 0, made.err

    shown = persons("clients", "show", "gateway", "--json").data

    assert shown["grant_types"] == ["client_credentials", EXCHANGE]
    assert shown["policy"]["exchanges"] == ["persons"]
    assert shown["policy"]["claims"] == {"tier": "gold"}


def test_without_a_word_a_client_has_the_usual_grants(persons, client):
    shown = persons("clients", "show", "my-app", "--json").data

    assert shown["grant_types"] == ["client_credentials", "refresh_token"]


def test_set_replaces_what_is_given_and_leaves_the_rest(persons, client):
    persons("clients", "set", "my-app", "--claim", "a=1", "--exchanges", "persons")

    changed = persons("clients", "set", "my-app", "--grant", "token-exchange", "--json").data
    assert changed["grant_types"] == [EXCHANGE]
    assert changed["policy"]["claims"] == {"a": 1}

    cleared = persons("clients", "set", "my-app", "--claim", "none", "--json").data
    assert cleared["policy"]["claims"] == {}
    assert cleared["policy"]["exchanges"] == ["persons"]


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--grant", "password", 2),
        ("--grant", "token-exchang", 2),
        ("--exchanges", "nowhere", 6),
        ("--claim", "tier=gold", 2),
        ("--claim", 'sub="root"', 2),
    ],
)
def test_refuses_what_cannot_be(persons, client, option, value, code):
    ended = persons("clients", "set", "my-app", option, value)

    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("tokenbooth: ")


def test_set_wants_to_know_what(persons, client):
    assert persons("clients", "set", "my-app").code == 2
    assert persons("apis", "set", "persons").code == 2


def test_an_api_gets_claims(persons):
    made = persons(
        "apis", "create", "orders", "--audience", "https://orders.example.com", "--scopes", "read",
        "--claim", 'tenant="acme"', "--json",
    )  # fmt: skip
    assert made.data["policy"]["claims"] == {"tenant": "acme"}

    changed = persons("apis", "set", "orders", "--claim", "a=[1]", "--json")
    assert changed.data["policy"]["claims"] == {"a": [1]}

    assert persons("apis", "set", "orders", "--claim", 'iss="x"').code == 2


DETAILS = b'[{"type": "look", "actions": ["read"], "fields": ["person"]}]'


def test_an_api_gets_types_of_details_and_a_client_some_of_them(persons, client, tmp_path):
    (tmp_path / "types.json").write_bytes(DETAILS)
    made = persons("apis", "set", "persons", "--authorization-details", "types.json", "--json")
    assert made.data["policy"]["authorization_details"][0]["type"] == "look"

    changed = persons("clients", "set", "my-app", "--authorization-detail", "look", "--json")
    assert changed.data["policy"]["authorization_details"] == ["look"]

    cleared = persons("apis", "set", "persons", "--authorization-details", "none", "--json")
    assert cleared.data["policy"]["authorization_details"] == []


def test_types_of_details_come_from_stdin_too(persons):
    made = persons("apis", "set", "persons", "--authorization-details", "-", stdin=DETAILS)

    assert made.code == 0, made.err


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["apis", "set", "persons", "--authorization-details", "-"], b"{", 2),
        (["apis", "set", "persons", "--authorization-details", "no-such-file"], b"", 2),
        (["clients", "set", "my-app", "--authorization-detail", "look"], b"", 6),
    ],
)
def test_refuses_details_that_cannot_be(persons, client, arguments, stdin, code):
    assert persons(*arguments, stdin=stdin).code == code
