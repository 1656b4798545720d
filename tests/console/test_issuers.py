"""Issuers in the console."""

import pytest

from tests.console.people import value_of, words

pytestmark = pytest.mark.anyio
NEW = {
    "name": "sandbox",
    "dialect": "truphone",
    "token_format": "",
    "token_lifetime": "",
    "refresh_tokens": "",
    "refresh_lifetime": "",
    "alg": "ES256",
    "profile": "oauth21",
}


async def test_shows_every_address_of_an_issuer_to_copy(operator):
    page = await operator.get("/issuers/default")

    assert page.status_code == 200
    for path in (
        "/oauth2/token",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/oauth2/introspect",
        "/oauth2/revoke",
    ):
        assert f'data-copy="https://auth.example.com{path}"' in page.text


async def test_makes_an_issuer_with_what_its_dialect_says(operator, town):
    made = await operator.post("/issuers/_new", NEW)
    page = await operator.follow(made)

    assert "The issuer sandbox is there" in words(page)
    assert "300 seconds" in words(page)
    assert "https://auth.example.com/sandbox/auth/realms/tru-staff" in page.text
    assert "sandbox" in words(await operator.get("/issuers"))


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"name": "San Box"}, 422, "is no issuer name"),
        ({"name": "default"}, 409, "There is an issuer 'default' already"),
        ({"dialect": "klingon"}, 422, "klingon"),
        ({"token_lifetime": "soon"}, 422, "a whole number of seconds"),
        ({"token_lifetime": "0"}, 422, "lives from 1 second"),
        ({"token_format": "paper"}, 422, "jwt or opaque"),
        ({"profile": "fapi9"}, 422, "The profile is one of"),
        ({"url": "http://elsewhere.example.com"}, 422, "issuer URL"),
    ],
)
async def test_says_what_is_wrong_and_keeps_what_was_typed(operator, wrong, status, text):
    answer = await operator.post("/issuers/_new", NEW | wrong)

    assert answer.status_code == status
    assert text in words(answer)
    kept = (NEW | wrong)["name"]
    assert value_of(answer, "name") == kept


async def test_changes_an_issuer(operator, town):
    form = await operator.get("/issuers/default/edit")
    changed = await operator.post(
        "/issuers/default/edit",
        {
            "version": value_of(form, "version"),
            "dialect": "standard",
            "token_format": "opaque",
            "token_lifetime": "600",
            "refresh_tokens": "yes",
            "refresh_lifetime": "1200",
            "profile": "oauth21",
            "dpop_nonce": "yes",
        },
    )
    page = words(await operator.follow(changed))

    assert "Opaque" in page
    assert "600 seconds (10 minutes)" in page
    assert "yes, for 1,200 seconds" in page
    assert "every proof must hold one" in page


async def test_two_who_edit_at_once_do_not_overwrite_each_other(operator, town):
    version = value_of(await operator.get("/issuers/default/edit"), "version")
    fields = {
        "version": version,
        "dialect": "standard",
        "token_format": "jwt",
        "refresh_tokens": "no",
        "refresh_lifetime": "1800",
        "profile": "oauth21",
    }
    first = await operator.post("/issuers/default/edit", fields, token_lifetime="600")
    second = await operator.post("/issuers/default/edit", fields, token_lifetime="900")

    assert first.status_code == 303
    assert second.status_code == 409
    assert "Somebody else changed it meanwhile" in words(second)
    assert value_of(second, "token_lifetime") == "900"
    assert "600 seconds" in words(await operator.get("/issuers/default"))


async def test_ends_every_token_that_it_issued(operator, town):
    secret = await town.add_client("ada")
    token = (await town.token(secret)).json()["access_token"]
    assert (await town.introspect(secret, token)).json()["active"] is True
    town.clock.travel(1)

    ended = await operator.post("/issuers/default/end-tokens")
    assert "Every token that it issued so far has ended" in words(await operator.follow(ended))
    await town.registry.refresh()
    assert (await town.introspect(secret, token)).json() == {"active": False}


async def test_members_see_issuers_and_change_none(member):
    assert (await member.get("/issuers")).status_code == 200
    page = await member.get("/issuers/default")
    assert page.status_code == 200
    assert "End all tokens" not in words(page)
    for path in ("/issuers/_new", "/issuers/default/edit"):
        assert (await member.get(path)).status_code == 403
        assert (await member.post(path, NEW)).status_code == 403
    assert (await member.post("/issuers/default/end-tokens")).status_code == 403


@pytest.mark.parametrize(
    "path", ["/issuers/_new", "/issuers/default/edit", "/issuers/default/end-tokens"]
)
async def test_takes_no_form_that_was_not_sent_from_here(operator, path):
    assert (await operator.post(path, NEW, csrf="")).status_code == 403
    assert (await operator.post(path, NEW, csrf="0" * 64)).status_code == 403
    elsewhere = {"Origin": "https://evil.example.com"}
    assert (await operator.post(path, NEW, headers=elsewhere)).status_code == 403


async def test_an_issuer_that_is_not_there_is_not_found(operator):
    for path in ("/issuers/nowhere", "/issuers/nowhere/edit"):
        assert (await operator.get(path)).status_code == 404
    assert (await operator.post("/issuers/nowhere/edit", NEW)).status_code == 404
    assert (await operator.post("/issuers/nowhere/end-tokens")).status_code == 404


async def test_hostile_text_is_escaped(operator):
    answer = await operator.post("/issuers/_new", NEW | {"name": '"><script>alert(1)</script>'})

    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
