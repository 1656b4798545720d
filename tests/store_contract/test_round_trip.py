"""Whatever a record holds, the store gives it back, and it behaves like a dictionary of records."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store_contract.samples import api, issuer
from tokenbooth.protocol.authorization_details import DetailType
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
    StoredKey,
)
from tokenbooth.server.stores.contract import AlreadyExists, NotFound

# PostgreSQL stores no NUL in text; what comes in from outside is checked before it comes here.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
times = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)
lifetimes = st.integers(0, 2**31 - 1)
formats = st.sampled_from(["jwt", "opaque"])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
json_objects = st.dictionaries(texts, json_values, max_size=2)
some_names = st.lists(texts, max_size=2).map(tuple)
detail_types = st.lists(
    st.builds(DetailType, type=texts, actions=some_names, fields=some_names), max_size=2
).map(tuple)

issuers = st.builds(
    Issuer,
    name=texts,
    tag=texts,
    url=st.none() | texts,
    dialect=texts,
    token_format=formats,
    token_lifetime=lifetimes,
    refresh_tokens=st.booleans(),
    refresh_lifetime=lifetimes,
    alg=texts,
    created_at=times,
    policy=st.builds(IssuerPolicy, profile=st.sampled_from(["oauth21", "fapi2"])),
)
apis = st.builds(
    Api,
    issuer=st.just("default"),
    name=texts,
    audience=texts,
    scopes=st.lists(st.builds(ApiScope, name=texts, description=texts), max_size=3).map(tuple),
    self_service=st.booleans(),
    created_at=times,
    policy=st.builds(ApiPolicy, claims=json_objects, authorization_details=detail_types),
)
keys = st.builds(
    StoredKey,
    kid=texts,
    issuer=texts,
    purpose=st.sampled_from(["sign", "seal", "pepper"]),
    alg=texts,
    sealed=st.binary(max_size=20),
    public_jwk=texts,
    created_at=times,
    activates_at=times,
    retires_at=st.none() | times,
    expires_at=st.none() | times,
)
accounts = st.builds(Account, name=texts, title=texts, created_at=times)

API_NAMES = ("persons", "animals", "plants")
api_names = st.lists(st.sampled_from(API_NAMES), unique=True).map(tuple)
name_lists = st.lists(texts, max_size=3).map(tuple)
clients = st.builds(
    Client,
    issuer=st.sampled_from(["default", "sandbox"]),
    client_id=st.sampled_from(["a", "B", "", "é"]),
    name=texts,
    account=st.none() | st.just("acme"),
    enabled=st.booleans(),
    auth_methods=name_lists,
    grant_types=name_lists,
    access=st.lists(
        st.builds(ApiAccess, api=st.sampled_from(API_NAMES), scopes=name_lists),
        unique_by=lambda access: access.api,
    ).map(tuple),
    resource_server_for=api_names,
    token_format=st.none() | formats,
    token_lifetime=st.none() | lifetimes,
    refresh_tokens=st.none() | st.booleans(),
    created_at=times,
    updated_at=times,
    policy=st.builds(
        ClientPolicy,
        dpop_bound=st.booleans(),
        certificate_bound=st.booleans(),
        networks=some_names,
        quota_per_hour=st.none() | lifetimes,
        claims=json_objects,
        authorization_details=some_names,
    ),
)
credentials = st.builds(
    Credential,
    id=st.sampled_from(["k1", "k2", "k3"]),
    issuer=st.sampled_from(["default", "sandbox"]),
    client_id=st.sampled_from(["a", "B", "", "é"]),
    kind=st.sampled_from(["secret", "jwk", "certificate", "federated"]),
    data=texts,
    label=texts,
    hint=texts,
    created_at=times,
    expires_at=st.none() | times,
)
steps = st.one_of(
    st.tuples(st.sampled_from(["add_client", "replace_client", "delete_client"]), clients),
    st.tuples(
        st.sampled_from(["add_credential", "replace_credential", "delete_credential"]), credentials
    ),
)
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@shared
@given(
    st.lists(
        issuers,
        unique_by=(
            lambda each: each.name,
            lambda each: each.tag,
            lambda each: each if each.url is None else each.url,
        ),
        max_size=3,
    ),
    st.lists(apis, unique_by=(lambda each: each.name, lambda each: each.audience), max_size=3),
    st.lists(keys, unique_by=lambda each: (each.issuer, each.kid), max_size=3),
    st.lists(accounts, unique_by=lambda each: each.name, max_size=3),
)
async def test_gives_back_what_was_stored(emptied, issuers, apis, keys, accounts):
    store = await emptied()
    for each in issuers:
        await store.add_issuer(each)
    if all(each.name != "default" for each in issuers):
        issuers.append(issuer(tag="own tag of thirteen characters"))
        await store.add_issuer(issuers[-1])
    for each in apis:
        await store.add_api(each)
    for each in keys:
        await store.add_key(each)
    for each in accounts:
        await store.add_account(each)

    assert await store.list_issuers() == tuple(sorted(issuers, key=lambda each: each.name))
    assert await store.list_apis() == tuple(sorted(apis, key=lambda each: each.name))
    assert await store.list_keys() == tuple(
        sorted(keys, key=lambda each: (each.created_at, each.issuer, each.kid))
    )
    assert await store.list_accounts() == tuple(sorted(accounts, key=lambda each: each.name))


class Model:
    """Clients and credentials as two dictionaries."""

    def __init__(self):
        self.clients = {}
        self.credentials = {}

    def apply(self, step, record):
        """Do the step; return the error that the store must raise, or None."""
        owner = (record.issuer, record.client_id)
        if step == "add_client":
            if owner in self.clients:
                return AlreadyExists
            self.clients[owner] = record
        elif owner not in self.clients:
            return NotFound
        elif step == "replace_client":
            self.clients[owner] = record
        elif step == "delete_client":
            del self.clients[owner]
            self.credentials = {
                id: each
                for id, each in self.credentials.items()
                if (each.issuer, each.client_id) != owner
            }
        else:
            return self._apply_to_credential(step, record)
        return None

    def _apply_to_credential(self, step, record):
        there = self.credentials.get(record.id)
        if step == "add_credential":
            if there:
                return AlreadyExists
            self.credentials[record.id] = record
        elif not there or (there.issuer, there.client_id) != (record.issuer, record.client_id):
            return NotFound
        elif step == "replace_credential":
            self.credentials[record.id] = record
        else:
            del self.credentials[record.id]
        return None

    def listed(self):
        return tuple(
            RegisteredClient(
                client=each,
                credentials=tuple(
                    sorted(
                        (own for own in self.credentials.values() if _owner(own) == owner),
                        key=lambda own: (own.created_at, own.id),
                    )
                ),
            )
            for owner, each in sorted(self.clients.items())
        )


def _owner(record):
    return (record.issuer, record.client_id)


async def _do(store, step, record):
    if step == "delete_client":
        await store.delete_client(record.issuer, record.client_id)
    elif step == "delete_credential":
        await store.delete_credential(record.issuer, record.client_id, record.id)
    else:
        await getattr(store, step)(record)


@shared
@given(st.lists(steps, max_size=25))
async def test_behaves_like_a_dictionary_of_clients(emptied, steps):
    store = await emptied()
    await store.add_account(Account(name="acme", created_at=0.0))
    for name in ("default", "sandbox"):
        await store.add_issuer(issuer(name))
        for api_name in API_NAMES:
            await store.add_api(api(api_name, issuer=name))
    model, revision = Model(), await store.revision()
    for step, record in steps:
        expected = model.apply(step, record)
        raised = None
        try:
            await _do(store, step, record)
        except (AlreadyExists, NotFound) as error:
            raised = type(error)
        assert (step, raised) == (step, expected)
        revision += expected is None
    assert await store.revision() == revision
    assert await store.list_clients() == model.listed()
    for registered in model.listed():
        assert await store.get_client(*_owner(registered.client)) == registered


def test_the_model_replaces_as_dataclasses_do():
    model = Model()
    first = Client(issuer="default", client_id="a", created_at=0.0, updated_at=0.0)
    model.apply("add_client", first)
    model.apply("replace_client", replace(first, name="A"))

    assert model.listed()[0].client.name == "A"
