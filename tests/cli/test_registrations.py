"""Initial access tokens on the command line."""

import pytest


def test_a_token_is_told_once_with_all_that_it_allows(persons):
    made = persons(
        "registrations", "create-token", "--api", "persons", "--scope", "persons:read",
        "--grant", "client-credentials", "--expires", "2d", "--uses", "5", "--json",
    )  # fmt: skip

    assert made.code == 0, made.err
    assert made.data["initial_access_token"].startswith("tbi_")
    assert (made.data["scope"], made.data["uses"]) == ("persons:read", 5)
    assert made.data["registration_endpoint"].endswith("/oauth2/register")


def test_a_token_is_revoked_by_its_id(persons):
    made = persons("registrations", "create-token", "--api", "persons", "--json").data

    assert persons("registrations", "revoke-token", made["token_id"]).code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["create-token"], 2),
        (["create-token", "--api", "nowhere"], 6),
        (["create-token", "--api", "persons", "--scope", "nothing"], 2),
        (["create-token", "--api", "persons", "--grant", "password"], 2),
        (["create-token", "--api", "persons", "--uses", "0"], 2),
        (["create-token", "--api", "persons", "--uses", "101"], 2),
        (["create-token", "--api", "persons", "--expires", "500d"], 2),
        (["create-token", "--api", "persons", "--issuer", "nowhere"], 6),
        (["revoke-token", "tbi_x"], 2),
    ],
)
def test_refuses_what_cannot_be(persons, arguments, code):
    assert persons("registrations", *arguments).code == code
