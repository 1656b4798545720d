"""Records to rows and back."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from msgspec import MsgspecError, json

from tokenbooth.server.records import (
    Account,
    Api,
    ApiAccess,
    ApiPolicy,
    ApiScope,
    Change,
    Client,
    ClientPolicy,
    Credential,
    Issuer,
    IssuerPolicy,
    RegisteredClient,
    Revocation,
    RevocationPage,
    StoredKey,
)
from tokenbooth.server.stores.contract import StoreUnavailable

# A driver's row: the columns in the order of the table.
Row = Sequence[Any]

ACCESS = "access"
RESOURCE_SERVER = "resource_server"

T = TypeVar("T")

_names = json.Decoder(tuple[str, ...])
_scopes = json.Decoder(tuple[ApiScope, ...])
# They pass over members that they do not know: a newer program may have written them.
_issuer_policy = json.Decoder(IssuerPolicy)
_api_policy = json.Decoder(ApiPolicy)
_client_policy = json.Decoder(ClientPolicy)


def to_json(value: object) -> str:
    """Return the value as text for a column."""
    return json.encode(value).decode()


def read_json(decoder: json.Decoder[T], text: str) -> T:
    """Read a column; raises StoreUnavailable for what this program never wrote."""
    try:
        return decoder.decode(text)
    except MsgspecError as error:
        raise StoreUnavailable("The database holds a damaged row.") from error


def names_of(text: str) -> tuple[str, ...]:
    """Read a column that holds a list of names."""
    return read_json(_names, text)


def _policy_json(policy: IssuerPolicy | ApiPolicy | ClientPolicy) -> str:
    default = type(policy)()
    return to_json(
        {
            field.name: value
            for field in fields(policy)
            if (value := getattr(policy, field.name)) != getattr(default, field.name)
        }
    )


def _plain(record: Account | Credential | Issuer | StoredKey, *without: str) -> dict[str, object]:
    return {
        field.name: getattr(record, field.name)
        for field in fields(record)
        if field.name not in without
    }


def issuer_row(issuer: Issuer) -> dict[str, object]:
    """Return the columns of `issuers`."""
    return _plain(issuer, "policy") | {"policy": _policy_json(issuer.policy)}


def issuer_of(row: Row) -> Issuer:
    """Read a row of `issuers`."""
    return Issuer(
        name=row[0],
        tag=row[1],
        url=row[2],
        dialect=row[3],
        token_format=row[4],
        token_lifetime=row[5],
        refresh_tokens=bool(row[6]),
        refresh_lifetime=row[7],
        alg=row[8],
        created_at=row[9],
        policy=read_json(_issuer_policy, row[10]),
    )


def api_row(api: Api) -> dict[str, object]:
    """Return the columns of `apis`."""
    return {
        "issuer": api.issuer,
        "name": api.name,
        "audience": api.audience,
        "scopes": to_json(api.scopes),
        "self_service": api.self_service,
        "created_at": api.created_at,
        "policy": _policy_json(api.policy),
    }


def api_of(row: Row) -> Api:
    """Read a row of `apis`."""
    return Api(
        issuer=row[0],
        name=row[1],
        audience=row[2],
        scopes=read_json(_scopes, row[3]),
        self_service=bool(row[4]),
        created_at=row[5],
        policy=read_json(_api_policy, row[6]),
    )


def account_row(account: Account) -> dict[str, object]:
    """Return the columns of `accounts`."""
    return _plain(account)


def account_of(row: Row) -> Account:
    """Read a row of `accounts`."""
    return Account(name=row[0], title=row[1], created_at=row[2])


def client_row(client: Client) -> dict[str, object]:
    """Return the columns of `clients`."""
    return {
        "issuer": client.issuer,
        "client_id": client.client_id,
        "name": client.name,
        "account": client.account,
        "enabled": client.enabled,
        "auth_methods": to_json(client.auth_methods),
        "grant_types": to_json(client.grant_types),
        "token_format": client.token_format,
        "token_lifetime": client.token_lifetime,
        "refresh_tokens": client.refresh_tokens,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
        "policy": _policy_json(client.policy),
    }


def client_api_rows(client: Client) -> list[dict[str, object]]:
    """Return the rows of `client_apis`, in the client's order."""
    ties = [(ACCESS, access.api, access.scopes) for access in client.access]
    ties += [(RESOURCE_SERVER, api, ()) for api in client.resource_server_for]
    return [
        {
            "issuer": client.issuer,
            "client_id": client.client_id,
            "role": role,
            "api": api,
            "position": position,
            "scopes": to_json(scopes),
        }
        for position, (role, api, scopes) in enumerate(ties)
    ]


def credential_row(credential: Credential) -> dict[str, object]:
    """Return the columns of `credentials`."""
    return _plain(credential)


def credential_replacement(credential: Credential) -> dict[str, object]:
    """Return the columns of `credentials` that a replacement writes: all but the last use."""
    return _plain(credential, "last_used_at", "last_used_from")


def credential_of(row: Row) -> Credential:
    """Read a row of `credentials`."""
    return Credential(
        id=row[0],
        issuer=row[1],
        client_id=row[2],
        kind=row[3],
        data=row[4],
        label=row[5],
        hint=row[6],
        created_at=row[7],
        expires_at=row[8],
        last_used_at=row[9],
        last_used_from=row[10],
        replaced_by=row[11],
        former_expires_at=row[12],
    )


def registered_clients(
    client_rows: Iterable[Row], api_rows: Iterable[Row], credential_rows: Iterable[Row]
) -> tuple[RegisteredClient, ...]:
    """Put clients together from rows of `clients`, `client_apis` and `credentials`."""
    access: defaultdict[tuple[str, str], list[ApiAccess]] = defaultdict(list)
    serves: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for issuer, client_id, role, api, _position, scopes in api_rows:
        if role == ACCESS:
            access[issuer, client_id].append(ApiAccess(api=api, scopes=read_json(_names, scopes)))
        else:
            serves[issuer, client_id].append(api)
    credentials: defaultdict[tuple[str, str], list[Credential]] = defaultdict(list)
    for row in credential_rows:
        credentials[row[1], row[2]].append(credential_of(row))
    return tuple(
        RegisteredClient(
            client=_client(
                row,
                access=tuple(access[row[0], row[1]]),
                resource_server_for=tuple(serves[row[0], row[1]]),
            ),
            credentials=tuple(credentials[row[0], row[1]]),
        )
        for row in client_rows
    )


def _client(
    row: Row, *, access: tuple[ApiAccess, ...], resource_server_for: tuple[str, ...]
) -> Client:
    return Client(
        issuer=row[0],
        client_id=row[1],
        name=row[2],
        account=row[3],
        enabled=bool(row[4]),
        auth_methods=read_json(_names, row[5]),
        grant_types=read_json(_names, row[6]),
        access=access,
        resource_server_for=resource_server_for,
        token_format=row[7],
        token_lifetime=row[8],
        refresh_tokens=None if row[9] is None else bool(row[9]),
        created_at=row[10],
        updated_at=row[11],
        policy=read_json(_client_policy, row[12]),
    )


def revocation_page(issuer: str, rows: Sequence[Row], newest: int, limit: int) -> RevocationPage:
    """Put a page together from (key, expires_at, before, seq); a full one may not be the last."""
    is_last = len(rows) < limit
    return RevocationPage(
        revocations=tuple(
            Revocation(issuer=issuer, key=key, expires_at=expires_at, before=before)
            for key, expires_at, before, _ in rows
        ),
        cursor=newest if is_last else rows[-1][3],
        is_last=is_last,
    )


def key_row(key: StoredKey) -> dict[str, object]:
    """Return the columns of `keys`."""
    return _plain(key)


def key_of(row: Row) -> StoredKey:
    """Read a row of `keys`."""
    return StoredKey(
        issuer=row[0],
        kid=row[1],
        purpose=row[2],
        alg=row[3],
        sealed=bytes(row[4]),
        public_jwk=row[5],
        created_at=row[6],
        activates_at=row[7],
        retires_at=row[8],
        expires_at=row[9],
        kept=row[10],
    )


def change_of(row: Row) -> Change:
    """Read a row of `changes`."""
    return Change(revision=row[0], kind=row[2], issuer=row[3], id=row[4])
