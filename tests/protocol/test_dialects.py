from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.dialects import (
    STANDARD,
    Dialect,
    DialectRefused,
    built_in_dialects,
    dialect_named,
    parse_dialect,
)

NAMES = [
    "jwt-basic",
    "self-service",
    "standard",
    "trulioo-normalized",
    "trulioo-platform",
    "truphone",
]
LINE = st.sampled_from(
    [
        'name = "x"',
        "name = 1",
        'token_path = "/t"',
        "[issuer]",
        "[answer]",
        "[errors.invalid_client]",
        "[client]",
        "[guard]",
        "token_lifetime = 5",
        "token_lifetime = 1979-05-27",
        "status = 400",
        "status = 1e400",
        'auth = "body"',
        "pragma = true",
        "a = [[[[",
        "= 1",
    ]
)


@given(st.text(max_size=60) | st.lists(LINE, max_size=6).map("\n".join))
def test_any_text_is_a_dialect_or_refused(text):
    try:
        dialect = parse_dialect(text)
    except DialectRefused as refused:
        message = str(refused)
    else:
        assert isinstance(dialect, Dialect)
        return
    assert message.startswith("dialect: ")


def test_every_dialect_of_the_design_comes_with_the_package():
    assert sorted(built_in_dialects()) == NAMES


def test_every_file_is_named_like_its_dialect():
    folder = Path("src/tokenbooth/protocol/dialects")
    root = Path(__file__).parents[2]

    assert sorted(file.stem for file in (root / folder).glob("*.toml")) == NAMES


def test_the_standard_dialect_is_all_defaults():
    standard = dialect_named(STANDARD)

    assert standard == Dialect(name=STANDARD, title=standard.title)


@pytest.mark.parametrize(
    ("name", "path", "lifetime", "token_format", "auth"),
    [
        ("trulioo-platform", "/connect/token", 3599, "jwt", "body"),
        ("trulioo-normalized", "/connect/token", 1800, "opaque", "body"),
        (
            "truphone",
            "/auth/realms/tru-staff/protocol/openid-connect/token",
            300,
            "jwt",
            "body",
        ),
        ("jwt-basic", "/oauth/v2/token", 3600, "jwt", "basic"),
        ("self-service", "/oauth2/token", 3600, "jwt", "basic"),
    ],
)
def test_a_dialect_says_what_the_vendors_page_says(name, path, lifetime, token_format, auth):
    dialect = dialect_named(name)

    assert dialect.token_path == path
    assert dialect.issuer.token_lifetime == lifetime
    assert dialect.issuer.token_format == token_format
    assert dialect.client.auth == auth


def test_platform_answers_with_its_own_member_names():
    answer = dialect_named("trulioo-platform").answer

    assert (answer.access_token, answer.token_type) == ("Token", "TokenType")
    assert (answer.expires_in, answer.scope) == ("ExpiresIn", "scope")


def test_normalized_answers_bad_credentials_with_400():
    dialect = dialect_named("trulioo-normalized")

    assert dialect.errors["invalid_client"].status == 400
    assert dialect.answer.content_type == "application/json;charset=UTF-8"
    assert dialect.answer.pragma


def test_truphone_hands_out_refresh_tokens():
    dialect = dialect_named("truphone")

    assert dialect.issuer.refresh_tokens
    assert dialect.issuer.refresh_lifetime == 1800
    assert dialect.answer.refresh_expires_in == "refresh_expires_in"


@pytest.mark.parametrize("name", ["jwt-basic", "self-service"])
def test_bad_credentials_are_401_where_the_page_says_so(name):
    assert dialect_named(name).errors["invalid_client"].status == 401


def test_an_operators_dialect_is_found_beside_ours():
    mine = parse_dialect('name = "acme"\n[answer]\naccess_token = "token"')

    assert dialect_named("acme", {"acme": mine}).answer.access_token == "token"
    assert dialect_named(STANDARD, {"acme": mine}).name == STANDARD


def test_an_unknown_name_is_told_which_there_are():
    with pytest.raises(DialectRefused, match="truphone"):
        dialect_named("trufone")


@pytest.mark.parametrize(
    "text",
    [
        "",
        'title = "no name"',
        'name = "Has Spaces"',
        'name = "../x"',
        'name = "x"\ntoken_pth = "/t"',
        'name = "x"\ntoken_path = "t"',
        'name = "x"\ntoken_path = "/t?a=b"',
        'name = "x"\ntoken_path = "/t#f"',
        'name = "x"\ntoken_path = "/a b"',
        'name = "x"\ntolerated_scopes = ["a b\\n"]',
        'name = "x"\n[issuer]\ntoken_format = "saml"',
        'name = "x"\n[issuer]\ntoken_lifetime = 0',
        'name = "x"\n[issuer]\ntoken_lifetime = "300"',
        'name = "x"\n[issuer]\nrefresh_lifetime = -1',
        'name = "x"\n[issuer]\ntoken_lifetime = 1000000000',
        'name = "x"\n[issuer]\ntoken_lifetime = 1' + "0" * 5000,
        'name = "x"\n[answer]\naccess_token = ""',
        'name = "x"\n[answer]\naccess_token = "scope"',
        'name = "x"\n[answer]\ncontent_type = "a\\r\\nSet-Cookie: b"',
        'name = "x"\n[answer]\ntoken_type_value = ""',
        'name = "x"\n[errors.invalid_clientt]\nstatus = 400',
        'name = "x"\n[errors.invalid_client]\nstatus = 200',
        'name = "x"\n[errors.invalid_client]\ndescription = \'say "no"\'',
        'name = "x"\n[guard]\ninvalid_token = "é"',
        'name = "x"\n[client]\nauth = "digest"',
        'name = "x"\n[client]\nscope = "a  b"',
        'name = "x"\na = ' + "[" * 5000,
    ],
    ids=lambda text: text[:70],
)
def test_refuses_a_file_with_a_mistake_and_names_the_file(text):
    with pytest.raises(DialectRefused, match=r"^acme\.toml: "):
        parse_dialect(text, origin="acme.toml")
