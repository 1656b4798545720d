"""The token endpoint on the wire: what it takes, and how each dialect answers."""

from dataclasses import replace

import pytest

from tests.server.booths import FORM, running
from tokenbooth.protocol.dialects import built_in_dialects

FORM_TYPE = "application/x-www-form-urlencoded"
TRUPHONE = "/auth/realms/tru-staff/protocol/openid-connect/token"


@pytest.fixture
async def vendor(town, request):
    """An issuer of the dialect that the test names, with a client; returns its secret."""
    name = request.param
    defaults = built_in_dialects()[name].issuer
    await town.add_issuer(
        name,
        dialect=name,
        token_format=defaults.token_format,
        token_lifetime=defaults.token_lifetime,
        refresh_tokens=defaults.refresh_tokens,
        refresh_lifetime=defaults.refresh_lifetime,
    )
    await town.add_api("api", "urn:api", "read", issuer=name)
    return await town.add_client(access={"api": "read"}, issuer=name)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_takes_post_alone(town, method):
    answer = await town.http.request(method, "/oauth2/token")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type":"client_credentials"}'),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("text/plain", b"grant_type=client_credentials"),
        (f"{FORM_TYPE}; charset=iso-8859-1", b"grant_type=client_credentials"),
        (None, b"grant_type=client_credentials"),
        (FORM_TYPE, b"grant_type=%zz"),
        (FORM_TYPE, b"grant_type=%ff"),
        (FORM_TYPE, b"grant_type=\xff\xfe"),
        (FORM_TYPE, b"&".join(b"a%d=1" % number for number in range(100))),
        (FORM_TYPE, b"grant_type=client_credentials&grant_type=client_credentials"),
        (FORM_TYPE, b"grant_type=client_credentials&scope=a&scope=b"),
        (FORM_TYPE, b"grant_type="),
        (FORM_TYPE, b""),
        (FORM_TYPE, b"a%0ab=1&grant_type=client_credentials"),
    ],
)
async def test_a_malformed_request_is_told_so_in_json(town, content_type, body):
    headers = {} if content_type is None else {"content-type": content_type}

    answer = await town.http.post("/oauth2/token", content=body, headers=headers)

    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_request", "invalid_client")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_body_with_a_charset_and_unknown_parameters_is_fine(town):
    secret = await town.add_client()
    body = f"grant_type=client_credentials&foo=bar&client_id=ada&client_secret={secret.reveal()}"

    answer = await town.http.post(
        "/oauth2/token", content=body, headers={"content-type": f"{FORM_TYPE};charset=UTF-8"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("grant", ["password", "implicit", "authorization_code", "x", "\u00e9"])
async def test_other_grants_do_not_exist(town, grant):
    secret = await town.add_client()

    answer = await town.token(secret, grant_type=grant, username="u", password="p")

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_suggests_the_grant_that_was_meant(town):
    secret = await town.add_client()

    answer = await town.token(secret, grant_type="client_credential")

    assert "did you mean client_credentials?" in answer.json()["error_description"]


async def test_the_standard_answer(town):
    secret = await town.add_client()

    answer = await town.token(secret)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "pragma" not in answer.headers
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600


@pytest.mark.parametrize("vendor", ["trulioo-platform"], indirect=True)
async def test_trulioo_platform_answers_under_its_own_names(town, vendor):
    answer = await town.token(vendor, path="/trulioo-platform/connect/token")

    assert set(answer.json()) == {"Token", "TokenType", "ExpiresIn", "scope"}
    assert (answer.json()["TokenType"], answer.json()["ExpiresIn"]) == ("bearer", 3599)


@pytest.mark.parametrize("vendor", ["trulioo-normalized"], indirect=True)
async def test_trulioo_normalized_answers_as_its_page_shows(town, vendor):
    path = "/trulioo-normalized/connect/token"

    answer = await town.token(vendor, path=path)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert answer.json()["expires_in"] == 1800
    assert answer.json()["access_token"].startswith("tbo_")

    stray = town.booth.secrets.make("tag", "credential01")
    refused = await town.token(stray, path=path)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_client"})
    assert "www-authenticate" not in refused.headers

    unsupported = await town.token(vendor, path=path, grant_type="password")
    assert unsupported.status_code == 400
    assert unsupported.json() == {"error": "unsupported_grant_type"}


@pytest.mark.parametrize("vendor", ["truphone"], indirect=True)
async def test_truphone_gives_refresh_tokens(town, vendor):
    answer = (await town.token(vendor, path=f"/truphone{TRUPHONE}")).json()

    assert (answer["expires_in"], answer["refresh_expires_in"]) == (300, 1800)
    assert answer["refresh_token"].startswith("tbr_")


@pytest.mark.parametrize("vendor", ["self-service"], indirect=True)
async def test_self_service_refuses_in_its_own_words(town, vendor):
    stray = town.booth.secrets.make("tag", "credential01")

    answer = await town.token(stray, path="/self-service/oauth2/token")

    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_client", "error_description": "Bad credentials"}
    assert answer.headers["www-authenticate"] == 'Basic realm="self-service"'


@pytest.mark.parametrize("vendor", ["jwt-basic"], indirect=True)
async def test_jwt_basic_lives_under_its_own_path(town, vendor):
    assert (await town.token(vendor, path="/jwt-basic/oauth/v2/token")).status_code == 200
    assert (await town.token(vendor, path="/jwt-basic/oauth2/token")).status_code == 200


async def test_an_operators_dialect_shapes_answers_and_refusals(settings, database, clock):
    folder = database.parent / "dialects"
    folder.mkdir()
    (folder / "acme.toml").write_text(
        'name = "acme"\ntoken_path = "/acme/give"\n[answer]\naccess_token = "ticket"\n'
        '[errors.invalid_scope]\nstatus = 422\ndescription = "No."\n'
    )
    async with running(replace(settings, dialects=str(folder)), clock) as town:
        await town.add_issuer("vendor", dialect="acme")
        await town.add_api("api", "urn:api", "read", issuer="vendor")
        secret = await town.add_client(access={"api": "read"}, issuer="vendor")

        assert "ticket" in (await town.token(secret, path="/vendor/acme/give")).json()
        refused = await town.token(secret, path="/vendor/acme/give", scope="write")

    assert refused.status_code == 422
    assert refused.json() == {"error": "invalid_scope", "error_description": "No."}


@pytest.mark.parametrize(
    "hostile", ['a"b\\c', "a\r\nSet-Cookie: x=1", "\U0001f600", "a\0b", "<script>"]
)
async def test_hostile_input_never_comes_back_raw(town, hostile):
    secret = await town.add_client()

    for form in ({"scope": hostile}, {"resource": hostile}, {"grant_type": hostile}):
        answer = await town.token(secret, **form)
        text = answer.json().get("error_description", "")
        assert answer.status_code == 400
        assert all(" " <= character <= "~" and character not in '"\\' for character in text)
        assert "set-cookie" not in answer.headers


async def test_every_answer_has_an_id_of_its_own(town):
    ids = {
        (await town.http.post("/oauth2/token", content=b"", headers=[FORM])).headers["x-request-id"]
        for _ in range(20)
    }

    assert len(ids) == 20
