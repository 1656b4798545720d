"""Records to store, with a name where the name matters and the rest filled in."""

from tokenbooth.server.records import (
    Account,
    Api,
    ApiAccess,
    ApiScope,
    Client,
    Credential,
    CredentialUse,
    Issuer,
    Revocation,
    StoredKey,
)

NOW = 1_800_000_000.0


def issuer(name="default", **changes):
    return Issuer(**{"name": name, "tag": f"tag{name}", "created_at": NOW, **changes})


def api(name="persons", **changes):
    filled = {
        "issuer": "default",
        "name": name,
        "audience": f"https://{name}.example",
        "scopes": (ApiScope(name="read", description="See them"), ApiScope(name="write")),
        "created_at": NOW,
    }
    return Api(**filled | changes)


def client(client_id="ada", **changes):
    filled = {
        "issuer": "default",
        "client_id": client_id,
        "access": (ApiAccess(api="persons", scopes=("read",)),),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Client(**filled | changes)


def credential(id="cred1", client_id="ada", **changes):
    filled = {
        "id": id,
        "issuer": "default",
        "client_id": client_id,
        "kind": "secret",
        "data": f"digest of {id}",
        "created_at": NOW,
    }
    return Credential(**filled | changes)


def use(id="cred1", **changes):
    filled = {
        "issuer": "default",
        "client_id": "ada",
        "credential_id": id,
        "at": NOW,
        "source": "127.0.0.1",
    }
    return CredentialUse(**filled | changes)


def key(kid="key1", **changes):
    filled = {
        "kid": kid,
        "issuer": "default",
        "purpose": "sign",
        "alg": "ES256",
        "sealed": b"\x00\xff sealed",
        "public_jwk": '{"kty":"EC"}',
        "created_at": NOW,
        "activates_at": NOW,
    }
    return StoredKey(**filled | changes)


def revocation(key="jti:1", **changes):
    return Revocation(**{"issuer": "default", "key": key, "expires_at": NOW + 300} | changes)


def account(name="acme", **changes):
    return Account(**{"name": name, "title": "Acme & Söhne", "created_at": NOW} | changes)
