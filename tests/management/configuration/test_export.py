"""What is exported says all of it: read again it plans nothing, elsewhere it makes the same."""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol import certificates
from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.certificates import certificate_proofs, subject_proof
from tokenbooth.management.clients.federation import trusted_issuer, trusted_spiffe_id
from tokenbooth.management.clients.proofs import AUTH_METHODS, NewProof
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.clients.requests import GRANTS
from tokenbooth.management.configuration import files
from tokenbooth.management.configuration.document import ClientEntry, IssuerEntry
from tokenbooth.management.configuration.export import written
from tokenbooth.management.configuration.plan import make_plan
from tokenbooth.management.configuration.reading import Source, read_documents
from tokenbooth.management.configuration.resolving import resolve
from tokenbooth.management.configuration.wanted import State
from tokenbooth.protocol.authorization_details import DetailType
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.keyring import new_issuer_keys
from tokenbooth.server.records import (
    Account,
    Api,
    ApiAccess,
    ApiPolicy,
    ApiScope,
    Client,
    ClientPolicy,
    Credential,
    Issuer,
    IssuerPolicy,
    RegisteredClient,
)
from tokenbooth.server.settings import Settings

NOW = 1_800_000_000.0
(EXPIRED,) = certificate_proofs(
    certificates.make(not_after=certificates.NOW, not_before=certificates.NOW - certificates.DAY)
    .pem.decode(),
    now=0,
)  # fmt: skip
PROOFS: tuple[NewProof, ...] = (
    *read_keys(
        '{"kty":"OKP","crv":"Ed25519","kid":"k \\"1\\"",'
        '"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    ).proofs,
    key_place("https://client.example.com/jwks.json"),
    EXPIRED,
    subject_proof("subject_dn", "CN=a\\, b,O=Acme"),
    subject_proof("san_uri", "spiffe://acme.example/app"),
    trusted_issuer(
        "https://idp.example.com",
        rules=["sub=repo:acme/app:*", "aud=ours", "ref=main"],
        jwks_uri="https://idp.example.com/keys",
        copied_claims=["ref"],
        single_use=False,
    ),
    trusted_spiffe_id(
        "spiffe://acme.example/app/*",
        trust_domain="acme.example",
        bundle_endpoint="https://acme.example/bundle",
        rules=["env=prod", "aud=us"],
    ),
)

# Few draws of nasty things: many draws of random ones take long and say little.
NASTY = ("plain", 'a "quote"', "it's '''", "back\\slash", "ünï 🔑", "# no", "[a] = b", "")
CLAIMS = (
    {},
    {"tier": "gold", "limits": {"rate": 5, "burst": 1.5}},
    {"none": None, "deep": [{"a": None}, []]},
    {"ünï": "'''", "https://x.example/y": [True, 1, 1.0, -1e-7, 2**53]},
    {"a.b": {"": {}, "c d": "\x7f\n\t"}},
)
lines = st.sampled_from(NASTY)
names = st.sampled_from(["acme", "0-1", "x"])
ids = st.sampled_from(["app", "a.b", "_x", "A~1", "0", "true", "a-b"])
api_names = st.sampled_from(["persons", "Orders.v2", "0", "a_b"])
scopes = st.lists(
    st.sampled_from(["a", "persons:read", "https://x/y#z", "{=}", "'"]), unique=True, min_size=1
)
claims = st.sampled_from(CLAIMS)


@st.composite
def apis(draw, issuer):
    found = []
    for name in draw(st.lists(api_names, unique=True, min_size=1, max_size=3)):
        kinds = draw(st.lists(st.sampled_from(NASTY[:2]), unique=True))
        found.append(
            Api(
                issuer=issuer,
                name=name,
                audience=f"urn:{issuer}:{name}",
                scopes=tuple(ApiScope(name=each, description=draw(lines)) for each in draw(scopes)),
                self_service=draw(st.booleans()),
                created_at=NOW,
                policy=ApiPolicy(
                    claims=draw(claims),
                    authorization_details=tuple(
                        DetailType(type=each, actions=("a",)) for each in kinds
                    ),
                ),
            )
        )
    return found


@st.composite
def clients(draw, issuer, client_id, found, accounts):
    chosen = draw(st.lists(st.sampled_from(found), unique_by=lambda a: a.name, min_size=1))
    quota = draw(st.none() | st.integers(1, 1000))
    networks = draw(st.sampled_from([(), ("192.0.2.0/24", "2001:db8::/32")]))
    kinds = sorted({kind.type for api in found for kind in api.policy.authorization_details})
    return Client(
        issuer=issuer,
        client_id=client_id,
        name=draw(lines),
        account=draw(st.sampled_from([None, *accounts])),
        enabled=draw(st.booleans()),
        auth_methods=tuple(draw(st.lists(st.sampled_from(AUTH_METHODS), unique=True, min_size=1))),
        grant_types=tuple(
            draw(st.lists(st.sampled_from(list(GRANTS.values())), unique=True, min_size=1))
        ),
        access=tuple(
            ApiAccess(
                api=api.name,
                scopes=tuple(draw(st.lists(st.sampled_from([s.name for s in api.scopes]),
                                           unique=True))),
            )
            for api in chosen
        ),
        resource_server_for=tuple(
            draw(st.lists(st.sampled_from([api.name for api in found]), unique=True))
        ),
        token_format=draw(st.sampled_from([None, "jwt", "opaque"])),
        token_lifetime=draw(st.none() | st.integers(1, 86_400)),
        refresh_tokens=draw(st.none() | st.booleans()),
        created_at=NOW,
        updated_at=NOW,
        policy=ClientPolicy(
            dpop_bound=draw(st.booleans()),
            dpop_nonce=draw(st.booleans()),
            certificate_bound=draw(st.none() | st.booleans()),
            networks=networks,
            networks_observe=bool(networks) and draw(st.booleans()),
            quota_per_hour=quota,
            quota_observe=quota is not None and draw(st.booleans()),
            claims=draw(claims),
            authorization_details=tuple(kinds[: draw(st.integers(0, 2))]),
            exchanges=tuple(
                draw(st.lists(st.sampled_from([api.name for api in found]), unique=True))
            ),
            description=draw(lines),
        ),
    )  # fmt: skip


@st.composite
def credentials(draw, client, number):
    proof = draw(st.sampled_from([None, *PROOFS]))
    expires_at = draw(st.none() | st.floats(NOW - 1000, NOW + 10**9))
    return Credential(
        id=f"{client.issuer}{client.client_id}{number}".encode().hex(),
        issuer=client.issuer,
        client_id=client.client_id,
        kind="secret" if proof is None else proof.kind,
        data="hmac-sha256$00" if proof is None else proof.data,
        label=draw(lines),
        hint="abcd" if proof is None else proof.hint,
        created_at=NOW + number,
        expires_at=expires_at,
    )


@st.composite
def worlds(draw):
    accounts = draw(st.lists(names, unique=True, max_size=2))
    world = [[Account(name=each, title=draw(lines), created_at=NOW) for each in accounts], []]
    for issuer in ("default", "other"):
        lifetime = draw(st.integers(1, 100))
        record = Issuer(
            name=issuer,
            tag=issuer[:6],
            dialect=draw(st.sampled_from(["standard", "truphone", "jwt-basic"])),
            url=draw(st.sampled_from([None, f"https://{issuer}.example.com"])),
            token_format=draw(st.sampled_from(["jwt", "opaque"])),
            token_lifetime=draw(st.integers(1, 86_400)),
            refresh_tokens=draw(st.booleans()),
            alg=draw(st.sampled_from(["ES256", "EdDSA"])),
            created_at=NOW,
            policy=IssuerPolicy(
                distrusted_issuers=tuple(draw(st.lists(lines, unique=True, max_size=2))),
                dpop_nonce=draw(st.booleans()),
                key_lifetime_days=lifetime,
                key_publish_ahead=draw(st.integers(900, lifetime * 43_200)),
            ),
        )
        found = draw(apis(issuer))
        own = []
        for client_id in draw(st.lists(ids, unique=True, min_size=1, max_size=2)):
            client = draw(clients(issuer, client_id, found, accounts))
            count = draw(st.integers(0, 3))
            has = {each.data: each for each in (draw(credentials(client, n)) for n in range(count))}
            own.append((client, list(has.values())))
        world[1].append((record, found, own))
    return world


@asynccontextmanager
async def new_booth():
    with tempfile.TemporaryDirectory() as folder:
        clock = TravelClock()
        booth = await open_booth(Settings(database=f"sqlite:///{folder}/b.db"), clock=clock)
        try:
            yield booth
        finally:
            await booth.close()


def state_of(world) -> State:
    accounts, issuers = world
    return State(
        accounts={each.name: each for each in accounts},
        issuers={record.name: record for record, _, _ in issuers},
        apis={(api.issuer, api.name): api for _, found, _ in issuers for api in found},
        clients={
            (client.issuer, client.client_id): RegisteredClient(
                client=client, credentials=tuple(has)
            )
            for _, _, own in issuers
            for client, has in own
        },
    )


async def fill(booth: Booth, state: State) -> None:
    together = booth.store.together()
    default = next(each for each in await booth.store.list_issuers() if each.name == "default")
    for account in state.accounts.values():
        await together.add_account(account)
    for record in state.issuers.values():
        if record.name == "default":
            await together.replace_issuer(replace(record, tag=default.tag))
        else:
            await together.add_issuer(record, new_issuer_keys(record, booth.vault, NOW))
    for api in state.apis.values():
        await together.add_api(api)
    for registered in state.clients.values():
        await together.add_client(registered.client, registered.credentials)
    await together.commit()


def source(text: str) -> Source:
    return Source(name="booth.toml", text=text, folder=Path())


def without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("# "))


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Booth:
    """A booth for what is compared without looking into any database."""
    settings = Settings(database=f"sqlite:///{tmp_path_factory.mktemp('idle')}/b.db")

    async def opened() -> Booth:
        booth = await open_booth(settings, clock=TravelClock())
        await booth.close()
        return booth

    return asyncio.run(opened())


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_an_export_plans_nothing_where_it_came_from(idle: Booth, world) -> None:
    state = state_of(world)

    document = read_documents([source(written(state))])

    wanted = resolve(idle, document, state)
    assert make_plan(wanted, state, prune=True).steps == ()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_an_export_says_the_same_elsewhere(idle: Booth, world) -> None:
    state = state_of(world)
    text = without_comments(written(state))

    wanted = resolve(idle, read_documents([source(text)]), State())

    made = State(
        accounts=wanted.accounts,
        issuers=wanted.issuers,
        apis=wanted.apis,
        clients={
            pair: RegisteredClient(
                client=each.client,
                credentials=tuple(
                    Credential(
                        id=str(number),
                        issuer=pair[0],
                        client_id=pair[1],
                        kind=has.kind,
                        data=has.data,
                        label=has.label or "",
                        hint=has.hint,
                        created_at=NOW,
                        expires_at=has.expires_at,
                    )
                    for number, has in enumerate(each.credentials)
                ),
            )
            for pair, each in wanted.clients.items()
        },
    )
    assert without_comments(written(made)) == text


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(world=worlds())
async def test_an_applied_export_makes_the_same_booth(world) -> None:
    _, issuers = world
    for _, _, own in issuers:
        for _, has in own:
            # What has expired is not made anew.
            has[:] = [each for each in has if each.expires_at is None and each.data != EXPIRED.data]
    async with new_booth() as booth, new_booth() as other:
        await fill(booth, state_of(world))
        exported = await files.export(booth)

        await files.apply(other, await files.prepare(other, [source(exported)]))

        assert without_comments(await files.export(other)) == without_comments(exported)
        again = await files.prepare(other, [source(exported)], prune=True)
        assert again.plan.steps == ()


def test_a_file_can_say_all_that_a_client_and_an_issuer_may_be_told() -> None:
    unsaid_of_clients = {"registration", "disabled_by"}
    in_other_words = {"issuer", "client_id", "created_at", "updated_at", "policy", "name", "tag"}

    client = {each.name for each in (*fields(Client), *fields(ClientPolicy))}
    issuer = {each.name for each in (*fields(Issuer), *fields(IssuerPolicy))}

    said_of_clients = set(ClientEntry.__struct_fields__) - {"credentials", "name"}
    assert client - in_other_words - unsaid_of_clients == said_of_clients
    assert issuer - in_other_words == set(IssuerEntry.__struct_fields__)
