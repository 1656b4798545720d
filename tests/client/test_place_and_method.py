import base64

import pytest

from tests.client.conftest import TOKEN_PATH
from tests.remote.local_server import Reply, as_json
from tokenbooth.client import Secret, TokenEndpointDown, TokenRequestRefused

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture
def published(server):
    def publish(**members: object) -> str:
        endpoint = server.url + TOKEN_PATH
        document = {"issuer": server.url, "token_endpoint": endpoint, **members}
        server.on(WELL_KNOWN, as_json(document))
        return server.url

    return publish


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_finds_the_token_endpoint_by_discovery_once(make, published, clock, server, asked) -> None:
    source = make(issuer=published())
    source.token()
    source.drop(source.token())
    source.token()
    assert len(server.seen_at(WELL_KNOWN)) == 1
    clock.travel(3601)
    source.token()
    assert len(server.seen_at(WELL_KNOWN)) == 2


def test_an_endpoint_found_before_serves_while_discovery_fails(make, published, clock, server):
    source = make(issuer=published())
    source.token()
    server.on(WELL_KNOWN, Reply(status=500))
    clock.travel(3700)
    assert source.token().access_token == "token-2"


def test_sends_no_secret_to_an_issuer_that_names_itself_otherwise(make, published, asked) -> None:
    with pytest.raises(TokenRequestRefused, match="exactly as it names itself"):
        make(issuer=published(issuer="https://evil.example")).token()
    assert asked() == []


def test_says_when_the_metadata_names_no_token_endpoint(make, published) -> None:
    with pytest.raises(TokenRequestRefused, match="Give the token_url"):
        make(issuer=published(token_endpoint=None)).token()


def test_discovery_in_trouble_is_a_transient_failure(make, server) -> None:
    server.on(WELL_KNOWN, Reply(status=503))
    with pytest.raises(TokenEndpointDown):
        make(issuer=server.url).token()


def test_needs_no_discovery_where_the_token_url_is_given(make, server) -> None:
    make().token()
    assert [seen.path for seen in server.seen] == [TOKEN_PATH]


def test_basic_is_form_encoded_unless_told_otherwise(make, asked) -> None:
    make(client_id="a b:c", secret=Secret("s+e/c:r%t")).token()
    make(client_id="a b", secret=Secret("s+e/c:r%t"), auth_method="basic-raw").token()
    encoded, raw = (seen.headers["authorization"] for seen in asked())
    assert encoded == "Basic YStiJTNBYzpzJTJCZSUyRmMlM0FyJTI1dA=="
    assert raw == basic("a b:s+e/c:r%t")
    assert all("client_secret" not in seen.form for seen in asked())


def test_the_body_carries_the_credentials_where_that_is_chosen(make, asked) -> None:
    make(auth_method="body").token()
    assert "authorization" not in asked()[0].headers
    assert asked()[0].form == {
        "grant_type": ["client_credentials"],
        "client_id": ["my-app"],
        "client_secret": ["s3cret"],
    }


@pytest.mark.parametrize(
    ("supported", "uses_basic"),
    [
        (None, True),
        (["client_secret_post"], False),
        (["client_secret_post", "client_secret_basic"], True),
        (["private_key_jwt"], True),
    ],
)
def test_the_metadata_decides_where_nobody_else_does(
    make, published, asked, supported, uses_basic
) -> None:
    make(issuer=published(token_endpoint_auth_methods_supported=supported)).token()
    assert ("authorization" in asked()[0].headers) is uses_basic


@pytest.mark.parametrize(
    ("dialect", "uses_basic", "scope"),
    [
        ("standard", True, None),
        ("trulioo-platform", False, ["workflow.studio.api"]),
        ("trulioo-normalized", False, None),
        ("truphone", False, None),
        ("jwt-basic", True, None),
        ("self-service", True, None),
    ],
)
def test_a_dialect_brings_its_method_and_scope(make, asked, dialect, uses_basic, scope) -> None:
    make(dialect=dialect).token()
    assert ("authorization" in asked()[0].headers) is uses_basic
    assert asked()[0].form.get("scope") == scope


def test_the_users_choice_goes_before_the_dialects(make, asked) -> None:
    make(dialect="trulioo-platform", auth_method="basic", scope="other").token()
    assert asked()[0].headers["authorization"] == basic("my-app:s3cret")
    assert asked()[0].form["scope"] == ["other"]


def test_understands_a_dialects_answer(make, server, clock, asked) -> None:
    server.on(
        TOKEN_PATH,
        as_json({"Token": "t", "TokenType": "bearer", "ExpiresIn": 3599, "scope": "x"}),
    )
    token = make(dialect="trulioo-platform").token()
    assert (token.access_token, token.token_type) == ("t", "Bearer")
    assert token.expires_at == clock.now() + 3599


def test_speaks_a_dialect_from_a_file_of_the_users_own(make, server, tmp_path) -> None:
    (tmp_path / "acme.toml").write_text('name = "acme"\n[answer]\naccess_token = "tok"\n')
    server.on(TOKEN_PATH, as_json({"tok": "t", "token_type": "Bearer", "expires_in": 60}))
    assert make(dialect=str(tmp_path / "acme.toml")).token().access_token == "t"


def test_an_answer_of_a_foreign_dialect_names_it(make, server) -> None:
    server.on(TOKEN_PATH, as_json({"Token": "t", "TokenType": "bearer", "ExpiresIn": 3599}))
    with pytest.raises(TokenRequestRefused, match='dialect="trulioo-platform"'):
        make().token()


def test_sends_further_parameters_and_every_resource(make, asked) -> None:
    make(
        parameters={"audience": "https://x"}, resource=["https://a", "urn:b"], scope=["c", "d"]
    ).token()
    form = asked()[0].form
    assert form["audience"] == ["https://x"]
    assert form["resource"] == ["https://a", "urn:b"]
    assert form["scope"] == ["c d"]
