"""Clients that prove themselves by TLS certificate, and what their tokens are bound to."""

import base64
import datetime as dt
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.protocol.certificates import make
from tests.protocol.jose import compact, key_for
from tests.server.booths import BASE_URL, FORM, header_of, http_scope, payload_of, running
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import SELF_SIGNED, TLS, read_certificate, thumbprint
from tokenbooth.server.client_certificates import certificate_data
from tokenbooth.server.client_keys import key_data
from tokenbooth.server.records import ClientPolicy, Credential
from tokenbooth.server.settings import Settings
from tokenbooth.server.shown_certificate import DER_KEY, VERIFIED_KEY

CA = make("CN=authority", is_ca=True)
ADA = make("CN=ada,O=Example", issuer=CA, dns=["ada.example.com"], uris=["spiffe://x/ada"])
BOB = make("CN=bob,O=Example", issuer=CA)
OWN = make("CN=ada,O=Example", dns=["ada.example.com"])
PROXY = "192.0.2.7"


def days(number):
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=number)


class Line:
    """Requests over connections with a certificate, as our listener or a proxy passes it on."""

    def __init__(self, town):
        self.town = town
        self.log = []
        town.app._write_outcome = self.log.append

    async def register(self, client_id, *data, method=TLS, expires_at=None, **changes):
        await self.town.add_client(client_id, auth_methods=(method,), **changes)
        for number, each in enumerate(data):
            await self.town.store.add_credential(
                Credential(
                    id=f"{client_id}{number}",
                    issuer="default",
                    client_id=client_id,
                    kind="certificate",
                    data=each if isinstance(each, str) else json.dumps(each),
                    created_at=0,
                    expires_at=expires_at,
                )
            )
        await self.town.registry.refresh()

    async def register_whole(self, client_id, identity, **changes):
        data = certificate_data(read_certificate(identity.der))
        await self.register(client_id, data, method=SELF_SIGNED, **changes)

    async def ask(
        self, form, *, state=None, headers=(), source=PROXY, path="/oauth2/token", **more
    ):
        scope = http_scope(path=path, headers=[FORM, *headers], client=(source, 5000)) | more
        scope["state"] = state
        body = "&".join(f"{name}={quote(value)}" for name, value in form.items()).encode()
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        await self.town.app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def token(self, client_id, identity=None, *, is_verified=True, **form):
        state = {}
        if identity is not None:
            state = {DER_KEY: identity.der, VERIFIED_KEY: is_verified}
        named = {} if client_id is None else {"client_id": client_id}
        return await self.ask({"grant_type": "client_credentials"} | named | form, state=state)

    async def reason(self, *args, **more):
        """Ask for a token that is refused, and return why."""
        status, answer = await self.token(*args, **more)
        return status, answer["error"], self.log[-1]["reason"]


@pytest.fixture
def settings(settings):
    return replace(settings, trusted_proxy=f"{PROXY}/32")


@pytest.fixture
def line(town):
    # The tests' certificates are made in real time.
    town.clock.travel(dt.datetime.now(dt.UTC).timestamp() - town.clock.now())
    return Line(town)


@pytest.mark.parametrize(
    "data",
    [
        {"subject_dn": "CN=ada,O=Example"},
        {"san_dns": "ada.example.com"},
        {"san_uri": "spiffe://x/ada"},
    ],
)
async def test_a_certificate_with_the_registered_name_is_the_client(line, data):
    await line.register("ada", data)

    status, answer = await line.token("ada", ADA)

    assert status == 200
    assert payload_of(answer["access_token"])["client_id"] == "ada"


async def test_the_registered_certificate_itself_is_the_client(line):
    await line.register_whole("ada", OWN)

    status, answer = await line.token("ada", OWN, is_verified=False)

    assert status == 200
    assert payload_of(answer["access_token"])["credential_id"] == "ada0"


async def test_the_certificate_of_one_client_is_not_another_client(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
    await line.register("bob", {"subject_dn": "CN=bob,O=Example"})
    await line.register_whole("eve", OWN)

    for client_id, identity in (("bob", ADA), ("ada", BOB), ("eve", ADA), ("bob", OWN)):
        refusal = await line.reason(client_id, identity)
        assert refusal == (401, "invalid_client", "wrong_certificate")


async def test_a_certificate_without_a_client_id_is_no_client(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    refusal = await line.reason(None, ADA)

    assert refusal == (401, "invalid_client", "no_client")


async def test_every_failure_of_knowledge_gets_the_same_answer(line):
    name = {"subject_dn": "CN=ada,O=Example"}
    old = make("CN=ada,O=Example", issuer=CA, not_before=days(-9), not_after=days(-1))
    future = make("CN=ada,O=Example", issuer=CA, not_before=days(1), not_after=days(2))
    await line.register("ada", name)
    await line.register("away", name, enabled=False)
    await line.register("ended", name, expires_at=line.town.clock.now())
    await line.register_whole("own", make("CN=other"))

    refused = {
        "unknown_client": ("nobody", ADA, True),
        "wrong_certificate": ("own", OWN, True),
        "unverified_certificate": ("ada", OWN, False),
        "certificate_out_of_date": ("ada", old, True),
        "client_disabled": ("away", ADA, True),
        "expired_credential": ("ended", ADA, True),
    }
    answers = set()
    for reason, (client_id, identity, is_verified) in refused.items():
        status, answer = await line.token(client_id, identity, is_verified=is_verified)
        assert line.log[-1]["reason"] == reason
        answers.add((status, json.dumps(answer)))
    assert len(answers) == 1
    refusal = await line.reason("ada", future)
    assert refusal == (401, "invalid_client", "certificate_out_of_date")


async def test_a_name_that_no_authority_vouches_for_is_worth_nothing(line):
    await line.register("ada", {"san_dns": "ada.example.com"})

    refusal = await line.reason("ada", OWN, is_verified=False)

    assert refusal == (401, "invalid_client", "unverified_certificate")


async def test_a_secret_of_a_client_with_certificate_is_not_taken_beside_it(line):
    secret = await line.town.add_client("ada", auth_methods=("client_secret_post", TLS))
    form = {"client_secret": secret.reveal()}

    both = await line.reason("ada", ADA, **form)
    alone = await line.token("ada", **form)

    assert both == (400, "invalid_request", "two_methods")
    assert alone[0] == 200


async def test_an_assertion_of_a_client_with_certificate_is_not_taken_beside_it(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
    await line.town.change_client("ada", auth_methods=(PRIVATE_KEY_JWT, TLS))
    key, now = key_for("ES256"), line.town.clock.now()
    await line.town.store.add_credential(
        Credential(
            id="key",
            issuer="default",
            client_id="ada",
            kind="jwk",
            data=key_data(key.public),
            created_at=now,
        )
    )
    await line.town.registry.refresh()
    claims = {"iss": "ada", "sub": "ada", "aud": BASE_URL, "exp": now + 60, "jti": "1"}
    form = {
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": compact({"alg": key.alg, "kid": key.kid}, claims, key=key),
    }

    assert await line.reason("ada", ADA, **form) == (400, "invalid_request", "two_methods")
    status, _ = await line.token("ada", **form)
    assert status == 200


async def test_a_certificate_that_serves_the_network_alone_does_not_disturb(line):
    secret = await line.town.add_client("ada")

    status, answer = await line.token("ada", ADA, client_secret=secret.reveal())

    assert status == 200
    assert "cnf" not in payload_of(answer["access_token"])


async def test_a_method_that_is_not_registered_is_refused(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"}, method=SELF_SIGNED)

    refusal = await line.reason("ada", ADA)

    assert refusal == (401, "invalid_client", "wrong_method")


async def test_a_certificate_that_cannot_be_read_is_refused(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    form = {"grant_type": "client_credentials", "client_id": "ada"}
    status, answer = await line.ask(form, state={DER_KEY: b"\x30\x00", VERIFIED_KEY: True})

    assert (status, answer["error"]) == (401, "invalid_client")


async def test_tokens_of_a_client_with_certificate_are_bound_to_it(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    _, answer = await line.token("ada", ADA)
    _, described = await line.ask(
        {"client_id": "ada", "token": answer["access_token"]},
        state={DER_KEY: ADA.der, VERIFIED_KEY: True},
        path="/oauth2/introspect",
    )

    expected = {"x5t#S256": thumbprint(ADA.der)}
    assert payload_of(answer["access_token"])["cnf"] == expected
    assert header_of(answer["access_token"])["typ"] == "at+jwt"
    assert (answer["token_type"], described["cnf"]) == ("Bearer", expected)
    assert described["token_type"] == "Bearer"


async def test_opaque_tokens_are_bound_too(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"}, token_format="opaque")

    _, answer = await line.token("ada", ADA)
    _, described = await line.ask(
        {"client_id": "ada", "token": answer["access_token"]},
        state={DER_KEY: ADA.der, VERIFIED_KEY: True},
        path="/oauth2/introspect",
    )

    assert described["cnf"] == {"x5t#S256": thumbprint(ADA.der)}


async def test_the_binding_of_one_request_never_reaches_another(line):
    name = {"subject_dn": "CN=ada,O=Example"}
    renewed = make("CN=ada,O=Example", issuer=CA)
    await line.register("ada", name)

    bound = [
        payload_of((await line.token("ada", each))[1]["access_token"]) for each in (ADA, renewed)
    ]

    assert [each["cnf"]["x5t#S256"] for each in bound] == [
        thumbprint(ADA.der),
        thumbprint(renewed.der),
    ]


async def test_a_client_may_be_exempt_from_binding(line):
    exempt = ClientPolicy(certificate_bound=False)
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"}, policy=exempt)

    _, answer = await line.token("ada", ADA)

    assert "cnf" not in payload_of(answer["access_token"])


async def test_a_client_with_a_secret_may_get_bound_tokens_only(line):
    policy = ClientPolicy(certificate_bound=True)
    secret = (await line.town.add_client("ada", policy=policy)).reveal()

    _, answer = await line.token("ada", OWN, is_verified=False, client_secret=secret)
    without = await line.reason("ada", client_secret=secret)

    assert payload_of(answer["access_token"])["cnf"] == {"x5t#S256": thumbprint(OWN.der)}
    assert without == (400, "invalid_request", "no_certificate")


async def test_a_refreshed_token_is_bound_to_the_certificate_of_now(line):
    await line.town.add_issuer("fresh", refresh_tokens=True)
    await line.town.add_api("persons", "urn:persons", "persons:read", issuer="fresh")
    policy = ClientPolicy(certificate_bound=True)
    secret = await line.town.add_client("ada", issuer="fresh", policy=policy)
    form = {"client_id": "ada", "client_secret": secret.reveal()}
    path = "/fresh/oauth2/token"
    _, first = await line.ask(
        form | {"grant_type": "client_credentials"}, state={DER_KEY: ADA.der}, path=path
    )
    again = form | {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    status, _ = await line.ask(again, state={}, path=path)
    _, second = await line.ask(again, state={DER_KEY: BOB.der}, path=path)

    assert status == 400
    assert payload_of(second["access_token"])["cnf"] == {"x5t#S256": thumbprint(BOB.der)}


def forwarded(identity, name=b"client-cert"):
    return name, b":" + base64.b64encode(identity.der) + b":"


FORM_OF_ADA = {"grant_type": "client_credentials", "client_id": "ada"}


async def test_the_certificate_header_of_a_trusted_proxy_counts(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    status, answer = await line.ask(FORM_OF_ADA, headers=[forwarded(ADA)])

    assert status == 200
    assert payload_of(answer["access_token"])["cnf"] == {"x5t#S256": thumbprint(ADA.der)}


@pytest.mark.parametrize("source", ["192.0.2.8", "127.0.0.1", "::1", "2001:db8::1"])
async def test_anybody_elses_certificate_header_is_not_even_read(line, source):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    for headers in ([forwarded(ADA)], [(b"client-cert", b"junk")]):
        status, answer = await line.ask(FORM_OF_ADA, headers=headers, source=source)
        assert (status, answer["error"]) == (401, "invalid_client")
        assert "No client authentication" in answer["error_description"]


async def test_a_proxy_that_was_not_said_to_forward_certificates_is_not_believed(settings, clock):
    # nginx passes on whatever header it does not know, as its caller wrote it.
    async with running(replace(settings, client_certificate_header=""), clock) as town:
        await town.add_api("persons", "urn:persons", "persons:read")
        clock.travel(dt.datetime.now(dt.UTC).timestamp() - clock.now())
        line = Line(town)
        await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
        await line.register_whole("own", OWN)
        of_own = {"grant_type": "client_credentials", "client_id": "own"}

        assert (await line.ask(FORM_OF_ADA, headers=[forwarded(ADA)]))[0] == 401
        assert (await line.ask(of_own, headers=[forwarded(OWN)]))[0] == 401
        metadata = (await town.http.get("/.well-known/oauth-authorization-server")).json()
        assert {TLS, SELF_SIGNED}.isdisjoint(metadata["token_endpoint_auth_methods_supported"])


def test_trusted_proxies_are_believed_about_the_header_of_rfc_9440_by_default():
    assert Settings().client_certificate_header == "client-cert"


async def test_x_forwarded_for_makes_nobody_a_trusted_proxy(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
    headers = [forwarded(ADA), (b"x-forwarded-for", PROXY.encode())]

    status, _ = await line.ask(FORM_OF_ADA, headers=headers, source="192.0.2.8")

    assert status == 401


async def test_two_certificate_headers_are_refused_for_one_may_be_the_callers(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    status, answer = await line.ask(FORM_OF_ADA, headers=[forwarded(ADA), forwarded(BOB)])

    assert (status, answer["error"]) == (400, "invalid_request")


async def test_the_certificate_of_the_connection_goes_before_the_header(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    status, _ = await line.ask(
        FORM_OF_ADA, headers=[forwarded(ADA)], state={DER_KEY: BOB.der, VERIFIED_KEY: True}
    )

    assert status == 401


async def test_the_tls_extension_of_other_servers_is_read(line):
    await line.register("ada", {"subject_dn": "CN=ada,O=Example"})

    def extension(**more):
        return {"tls": {"client_cert_chain": [ADA.pem.decode()], **more}}

    good = await line.ask(FORM_OF_ADA, extensions=extension())
    bad = await line.ask(FORM_OF_ADA, extensions=extension(client_cert_error="unknown authority"))
    none = await line.ask(FORM_OF_ADA, extensions={"tls": {"client_cert_chain": []}})
    junk = await line.ask(FORM_OF_ADA, extensions={"tls": {"client_cert_chain": ["junk"]}})

    assert [status for status, _ in (good, bad, none, junk)] == [200, 401, 401, 400]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-SSL-Client-Cert:escaped-pem", quote(ADA.pem).encode()),
        ("x-client-cert:base64-der", base64.b64encode(ADA.der)),
    ],
)
async def test_the_operator_may_name_another_header_and_format(settings, clock, header, value):
    settings = replace(settings, client_certificate_header=header)
    async with running(settings, clock) as town:
        await town.add_api("persons", "urn:persons", "persons:read")
        clock.travel(dt.datetime.now(dt.UTC).timestamp() - clock.now())
        line = Line(town)
        await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
        name = header.partition(":")[0].lower().encode()

        assert (await line.ask(FORM_OF_ADA, headers=[(name, value)]))[0] == 200
        assert (await line.ask(FORM_OF_ADA, headers=[forwarded(ADA)]))[0] == 401


async def test_no_name_counts_where_the_proxy_does_not_check_certificates(settings, clock):
    settings = replace(settings, proxied_certificates_verified=False)
    async with running(settings, clock) as town:
        await town.add_api("persons", "urn:persons", "persons:read")
        clock.travel(dt.datetime.now(dt.UTC).timestamp() - clock.now())
        line = Line(town)
        await line.register("ada", {"subject_dn": "CN=ada,O=Example"})
        await line.register_whole("own", OWN)

        assert (await line.ask(FORM_OF_ADA, headers=[forwarded(ADA)]))[0] == 401
        own = {"grant_type": "client_credentials", "client_id": "own"}
        assert (await line.ask(own, headers=[forwarded(OWN)]))[0] == 200
        metadata = (await town.http.get("/.well-known/oauth-authorization-server")).json()
        assert TLS not in metadata["token_endpoint_auth_methods_supported"]
        assert SELF_SIGNED in metadata["token_endpoint_auth_methods_supported"]


async def test_nothing_is_advertised_where_no_certificate_can_arrive(settings, clock):
    async with running(replace(settings, trusted_proxy=""), clock) as town:
        metadata = (await town.http.get("/.well-known/oauth-authorization-server")).json()

    assert not {TLS, SELF_SIGNED} & set(metadata["token_endpoint_auth_methods_supported"])
    assert "tls_client_certificate_bound_access_tokens" not in metadata
    assert "mtls_endpoint_aliases" not in metadata


async def test_the_other_address_for_certificates_is_published_for_every_issuer(settings, clock):
    settings = replace(settings, mtls_url="https://mtls.example.com")
    async with running(settings, clock) as town:
        await town.add_issuer("sandbox")
        await town.add_issuer("away", url="https://away.example.org")
        metadata = {
            name: json.loads(town.issuer(name).metadata) for name in ("default", "sandbox", "away")
        }

    aliases = metadata["sandbox"]["mtls_endpoint_aliases"]
    assert metadata["default"]["tls_client_certificate_bound_access_tokens"] is True
    assert aliases["token_endpoint"] == "https://mtls.example.com/sandbox/oauth2/token"
    assert aliases["introspection_endpoint"] == "https://mtls.example.com/sandbox/oauth2/introspect"
    assert metadata["default"]["mtls_endpoint_aliases"]["revocation_endpoint"] == (
        "https://mtls.example.com/oauth2/revoke"
    )
    assert "mtls_endpoint_aliases" not in metadata["away"]
