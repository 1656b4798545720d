"""Which instructions a client gets, and what they rest on."""

import json
from pathlib import Path

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.access import withdraw
from tokenbooth.management.clients.certificates import subject_proof
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.federation import trusted_issuer
from tokenbooth.management.clients.proofs import add_proofs
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.errors import BadInput, Missing, NotAllowed
from tokenbooth.management.instructions import FORMATS, Instructions, instructions_for
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.protocol.client_auth import POST
from tokenbooth.protocol.keys import generate_key
from tokenbooth.server.actor import Actor
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.records import ClientPolicy, IssuerPolicy
from tokenbooth.server.settings import Settings


def key_proof():
    return read_keys(json.dumps(generate_key("PS256").public.to_jwk())).proofs


def formats(told: Instructions) -> list[str]:
    return [each.id for each in told.snippets]


async def test_a_client_with_a_secret_gets_every_format_in_order(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])

    told = await instructions_for(booth, "my-app")

    assert formats(told) == [each for each in FORMATS if each != "curl-refresh"]
    assert told.left_out == ()
    assert (told.token_endpoint, told.token_lifetime, told.refresh_lifetime) == (
        "http://127.0.0.1:8080/oauth2/token",
        3600,
        None,
    )
    assert (told.api, told.audience, told.scope) == ("persons", "https://a.example.com", "a b")
    assert told.authentication == "with its secret, by HTTP Basic"
    assert all(told.token_endpoint in told.snippet(each).text for each in ("curl", "go", "postman"))


async def test_a_new_secret_is_in_the_two_files_for_it_and_nowhere_else(booth: Booth) -> None:
    made = await create_client(booth, client_id="my-app", apis=["persons"])
    secret = made.secret.client_secret

    told = await instructions_for(booth, "my-app", secret=secret)
    later = await instructions_for(booth, "my-app")

    with_secret = [each.id for each in told.snippets if secret.reveal() in each.text]
    assert with_secret == [each.id for each in told.snippets if each.has_secret]
    assert with_secret == ["env", "kubernetes"]
    assert secret.reveal() not in repr(told)
    assert f"CLIENT_SECRET={secret.reveal()}\n" in told.snippet("env").text
    assert not any("tbs_" in each.text or each.has_secret for each in later.snippets)
    assert "CLIENT_SECRET=\n" in later.snippet("env").text


async def test_every_piece_says_where_the_secret_comes_from(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])

    told = await instructions_for(booth, "my-app")

    assert all(each.secret_from for each in told.snippets)
    for name in ("curl", "shell", "python", "python-requests", "javascript", "go", "http", "env"):
        assert "CLIENT_SECRET" in told.snippet(name).text


async def test_follows_the_dialect_with_its_path_names_and_refresh_tokens(booth: Booth) -> None:
    for dialect in ("truphone", "trulioo-platform"):
        await create_issuer(booth, name=dialect, dialect=dialect)
        await create_api(booth, name="p", audience="urn:p", scopes="x", issuer=dialect)
        await create_client(booth, client_id=dialect, apis=["p"], issuer=dialect)

    truphone = await instructions_for(booth, "truphone")
    platform = await instructions_for(booth, "trulioo-platform")

    path = "/truphone/auth/realms/tru-staff/protocol/openid-connect/token"
    assert truphone.token_endpoint.endswith(path)
    assert (truphone.token_lifetime, truphone.refresh_lifetime) == (300, 1800)
    assert "5 minutes" in truphone.snippet("curl").text
    assert "30 minutes" in truphone.snippet("curl-refresh").text
    assert 'members["Token"]' in platform.snippet("javascript").text
    assert 'dialect="trulioo-platform"' in platform.snippet("python").text


async def test_a_dialect_of_the_operators_own_comes_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "ours.toml").write_text(
        'name = "ours"\ntoken_path = "/ours"\n[answer]\naccess_token = "the token\'s"\n'
    )
    settings = Settings(
        database=f"sqlite:///{tmp_path}/booth.db", dialects=str(tmp_path / "dialects")
    )
    booth = await open_booth(settings, clock=TravelClock())
    await create_issuer(booth, name="own", dialect="ours")
    await create_api(booth, name="p", audience="https://p.example", scopes="x", issuer="own")
    await create_client(booth, client_id="my-app", apis=["p"], issuer="own")
    await create_client(booth, client_id="by-key", apis=["p"], issuer="own", proofs=key_proof())

    by_secret = await instructions_for(booth, "my-app")
    by_key = await instructions_for(booth, "by-key")

    assert 'dialect="ours.toml"' in by_secret.snippet("python").text
    assert "--dialect ours.toml" in by_key.snippet("curl").text
    assert [each.id for each in by_secret.left_out] == ["http"]
    assert "cannot read the answers" in by_secret.left_out[0].reason
    await booth.close()


async def test_names_the_resource_only_where_there_are_several_apis(booth: Booth) -> None:
    await create_client(booth, client_id="one", apis=["persons"])
    await create_client(booth, client_id="two", apis=["persons", "orders"], scope="a d")

    one = await instructions_for(booth, "one")
    two = await instructions_for(booth, "two", api="orders")
    await create_client(booth, client_id="key", apis=["persons", "orders"], proofs=key_proof())
    key = await instructions_for(booth, "key")

    assert not any("resource" in each.text.lower() for each in one.snippets if each.id != "go")
    assert (two.apis, two.api, two.scope) == (("persons", "orders"), "orders", "d")
    for name in ("curl", "shell", "python", "python-requests", "javascript", "go", "postman"):
        assert "https://b.example.com" in two.snippet(name).text
        assert "resource" in two.snippet(name).text
    assert "RESOURCE=https://b.example.com\n" in two.snippet("env").text
    assert "--resource https://a.example.com" in key.snippet("curl").text


async def test_says_when_nobody_knows_where_the_api_is(booth: Booth) -> None:
    await create_api(booth, name="named", audience="urn:example:named", scopes="x")
    await create_client(booth, client_id="my-app", apis=["named", "persons"])

    named = await instructions_for(booth, "my-app")
    known = await instructions_for(booth, "my-app", api="persons")

    assert (named.api_url, named.is_api_url_example) == ("https://api.example.com/", True)
    assert (known.api_url, known.is_api_url_example) == ("https://a.example.com", False)
    assert "put its address in" in named.snippet("curl").text
    assert "put its address in" not in known.snippet("curl").text


async def test_the_only_way_that_a_client_may_send_its_secret_is_taken(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"], auth_methods=[POST])

    told = await instructions_for(booth, "my-app")

    assert told.authentication == "with its secret, in the body of the request"
    assert 'auth_method="body"' in told.snippet("python").text
    assert "client_secret@-" in told.snippet("curl").text


async def test_the_credential_that_is_still_valid_says_how(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])
    await add_proofs(booth, "my-app", key_proof())
    registered = await booth.store.get_client("default", "my-app")
    (secret,) = [each for each in registered.credentials if each.kind == "secret"]

    before = await instructions_for(booth, "my-app")
    await booth.store.delete_credential("default", "my-app", secret.id)
    after = await instructions_for(booth, "my-app")

    assert before.authentication == "with its secret, by HTTP Basic"
    assert after.authentication == "with a JWT that it signs with its private key"
    assert 'const ALG = "PS256";' in after.snippet("javascript").text


async def test_a_key_that_is_published_elsewhere_leaves_its_algorithm_open(booth: Booth) -> None:
    place = key_place("https://my-app.example.com/jwks.json")
    await create_client(booth, client_id="my-app", apis=["persons"], proofs=[place])

    told = await instructions_for(booth, "my-app")

    assert 'const ALG = "ES256";' in told.snippet("javascript").text


async def test_what_cannot_work_is_left_out_with_its_reason(booth: Booth) -> None:
    await create_client(
        booth, client_id="bound", apis=["persons"], policy=ClientPolicy(dpop_bound=True)
    )
    trust = trusted_issuer("https://ci.example.com", rules=["sub=build:1"])
    await create_client(booth, client_id="build", apis=["persons"], proofs=[trust])

    bound = await instructions_for(booth, "bound")
    build = await instructions_for(booth, "build")

    assert formats(bound) == ["python", "env", "kubernetes"]
    assert all("DPoP" in each.reason or "secret" in each.reason for each in bound.left_out)
    assert [each.id for each in build.left_out] == ["postman", "postman-environment", "http"]
    assert all(each.secret_from == "" for each in build.snippets)
    assert "CLIENT_SECRET" not in build.snippet("env").text
    with pytest.raises(Missing, match="no Postman collection for this client"):
        build.snippet("postman")
    with pytest.raises(Missing, match="Did you mean 'python'"):
        build.snippet("pyton")


async def test_a_client_whose_tokens_are_bound_to_its_certificate_shows_it_to_the_api(
    booth: Booth,
) -> None:
    policy = ClientPolicy(certificate_bound=True)
    await create_client(booth, client_id="by-secret", apis=["persons"], policy=policy)
    await create_client(
        booth, client_id="by-key", apis=["persons"], policy=policy, proofs=key_proof()
    )

    by_secret = await instructions_for(booth, "by-secret")
    by_key = await instructions_for(booth, "by-key")

    assert by_secret.snippet("curl").text.count("--cert ") == 2
    assert "verify=source.tls_context()" in by_secret.snippet("python").text
    assert by_secret.snippet("python-requests").text.count("cert=CERTIFICATE") == 2
    assert "--certificate " in by_key.snippet("curl").text
    assert [each.id for each in by_key.left_out].count("javascript") == 1


async def test_clients_with_certificates_ask_at_the_address_for_them(tmp_path: Path) -> None:
    settings = Settings(
        database=f"sqlite:///{tmp_path}/booth.db",
        issuer_url="https://auth.example.com",
        mtls_url="https://mtls.example.com",
    )
    booth = await open_booth(settings, clock=TravelClock())
    await create_api(booth, name="p", audience="https://p.example", scopes="x")
    policy = ClientPolicy(certificate_bound=True)
    await create_client(booth, client_id="bound", apis=["p"], policy=policy)
    await create_client(booth, client_id="usual", apis=["p"])

    bound = await instructions_for(booth, "bound")
    usual = await instructions_for(booth, "usual")

    assert bound.token_endpoint == "https://mtls.example.com/oauth2/token"
    assert usual.token_endpoint == "https://auth.example.com/oauth2/token"
    await booth.close()


async def test_a_short_token_is_renewed_sooner_than_a_minute_before_its_end(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"], token_lifetime=40)

    told = await instructions_for(booth, "my-app")

    assert "until 10 seconds before it ends" in told.snippet("python-requests").text


async def test_a_client_without_any_api_is_told_so(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])
    await withdraw(booth, "my-app", api="persons")

    with pytest.raises(BadInput, match="may call no API yet"):
        await instructions_for(booth, "my-app")


async def test_an_api_that_the_client_may_not_call_is_missing(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])

    with pytest.raises(Missing, match="'orders'"):
        await instructions_for(booth, "my-app", api="orders")


async def test_only_who_may_see_the_client_gets_them(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])
    nobody = booth.acting_as(Actor(kind="member", rights=frozenset({"apis:read"})))
    foreign = booth.acting_as(
        Actor(kind="member", rights=frozenset({"clients:read"}), account="other")
    )

    with pytest.raises(NotAllowed, match="clients:read"):
        await instructions_for(nobody, "my-app")
    with pytest.raises(Missing):
        await instructions_for(foreign, "my-app")


async def test_a_second_import_of_the_collection_replaces_the_first(booth: Booth) -> None:
    await create_client(booth, client_id="my-app", apis=["persons"])
    await create_client(booth, client_id="other", apis=["persons"])

    first, again, other = [
        json.loads((await instructions_for(booth, each)).snippet("postman").text)["info"]
        for each in ("my-app", "my-app", "other")
    ]

    assert first == again
    assert first["_postman_id"] != other["_postman_id"]


async def test_an_issuer_that_gives_no_bearer_tokens_gets_a_proof_of_the_key(booth: Booth) -> None:
    policy = IssuerPolicy(profile="fapi2")
    await create_issuer(booth, name="bank", policy=policy)
    await create_api(booth, name="p", audience="https://p.example", scopes="x", issuer="bank")
    await create_client(booth, client_id="my-app", apis=["p"], issuer="bank", proofs=key_proof())

    told = await instructions_for(booth, "my-app")

    assert "dpop=True" in told.snippet("python").text
    assert formats(told) == ["python", "env", "kubernetes"]


async def test_a_client_that_gets_no_tokens_for_itself_is_told_so(booth: Booth) -> None:
    grants = ("urn:ietf:params:oauth:grant-type:token-exchange",)
    await create_client(booth, client_id="my-app", apis=["persons"], grants=grants)

    with pytest.raises(BadInput, match="may not use client_credentials"):
        await instructions_for(booth, "my-app")


async def test_a_certificate_binds_where_an_issuer_gives_no_bearer_tokens(booth: Booth) -> None:
    await create_issuer(booth, name="bank", policy=IssuerPolicy(profile="fapi2"))
    await create_api(booth, name="p", audience="https://p.example", scopes="x", issuer="bank")
    policy = ClientPolicy(certificate_bound=False)
    proof = subject_proof("san_dns", "my-app.example.com")
    await create_client(
        booth, client_id="my-app", apis=["p"], issuer="bank", proofs=[proof], policy=policy
    )

    told = await instructions_for(booth, "my-app")

    assert told.snippet("curl").text.count("--cert ") == 2
    assert "dpop" not in told.snippet("python").text


async def test_an_api_without_scopes_is_asked_for_without_any(booth: Booth) -> None:
    await create_api(booth, name="plain", audience="https://plain.example.com", scopes="")
    await create_client(booth, client_id="by-key", apis=["plain"], proofs=key_proof())
    await create_client(booth, client_id="by-secret", apis=["plain"])

    for client_id in ("by-key", "by-secret"):
        told = await instructions_for(booth, client_id)
        assert told.scope == ""
        assert not any("scope" in each.text for each in told.snippets if each.language == "bash")
        assert "scope=" not in told.snippet("python").text
