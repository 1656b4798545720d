"""The demo of `serve --demo`: one issuer per dialect, a client each, and what to paste.

The demo's secrets are made anew at every start, since no secret can be read back.
"""

from dataclasses import dataclass, field

from tokenbooth.management.clients.clients import create_client, show_client
from tokenbooth.management.clients.credentials import add_secret, remove_credential
from tokenbooth.management.errors import Missing
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.protocol.dialects import STANDARD, Dialect, built_in_dialects
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.issuer_view import issuer_url
from tokenbooth.server.records import DEFAULT_ISSUER, Issuer

CLIENT_ID = "demo"
API_CLIENT_ID = "demo-api"  # with which the guard introspects opaque tokens
API_NAME = "demo"
ADMIN_SCOPE = "demo:admin"  # which the demo client lacks

_SCOPES = {
    "trulioo-platform": "workflow.studio.api",
    "trulioo-normalized": "napi.api",
    "truphone": "connect:read",
    "self-service": "persons:read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoIssuer:
    """One issuer of the demo, with the secrets of its two clients."""

    name: str
    url: str
    dialect: Dialect
    scope: str
    secret: Secret = field(repr=False)
    api_secret: Secret = field(repr=False)


def audience_of(issuer: str) -> str:
    """Return the audience of an issuer's demo API."""
    return f"urn:tokenbooth:demo:{issuer}"


async def prepare_demo(booth: Booth, base_url: str) -> tuple[DemoIssuer, ...]:
    """Make what is missing, give the demo's clients new secrets, and return all of it."""
    present = {issuer.name: issuer for issuer in await booth.store.list_issuers()}
    standard_first = sorted(
        built_in_dialects().values(), key=lambda d: (d.name != STANDARD, d.name)
    )
    prepared = []
    for dialect in standard_first:
        name = DEFAULT_ISSUER if dialect.name == STANDARD else dialect.name
        scope = _SCOPES.get(dialect.name, "demo:read")
        if name not in present:
            await create_issuer(booth, name=name, dialect=dialect.name)
        await _ensure_api(booth, name, scope)
        issuer = next(i for i in await booth.store.list_issuers() if i.name == name)
        prepared.append(
            DemoIssuer(
                name=name,
                url=issuer_url(issuer, base_url),
                dialect=booth.dialects[issuer.dialect],
                scope=scope,
                secret=await _fresh_secret(booth, issuer, CLIENT_ID, scope),
                api_secret=await _fresh_secret(booth, issuer, API_CLIENT_ID, None),
            )
        )
    return tuple(prepared)


async def _ensure_api(booth: Booth, issuer: str, scope: str) -> None:
    if any(api.name == API_NAME for api in await booth.store.list_apis(issuer)):
        return
    await create_api(
        booth,
        name=API_NAME,
        audience=audience_of(issuer),
        scopes=f"{scope} {ADMIN_SCOPE}",
        issuer=issuer,
    )


async def _fresh_secret(booth: Booth, issuer: Issuer, client_id: str, scope: str | None) -> Secret:
    """Return a new secret of the client, made if missing; without scope it is the API itself."""
    try:
        client = await show_client(booth, client_id, issuer=issuer.name)
    except Missing:
        new = await create_client(
            booth,
            client_id=client_id,
            issuer=issuer.name,
            apis=[API_NAME] if scope else [],
            scope=scope,
            resource_server_for=[] if scope else [API_NAME],
        )
        client = new.client
        if new.secret is not None:
            return new.secret.client_secret
    fresh = await add_secret(booth, client_id, issuer=issuer.name, label="demo")
    for old in client.credentials:
        await remove_credential(booth, client_id, old.id, issuer=issuer.name)
    return fresh.client_secret


def lines_to_paste(issuer: DemoIssuer, base_url: str) -> str:
    """Return shell lines that get a token and call the demo API, each saying what it shows."""
    api = f"{base_url}/demo/{issuer.name}"
    lines = [
        f"# {issuer.dialect.title or issuer.dialect.name}",
        _fetch_token(issuer),
        f'curl -s -H "Authorization: Bearer $TOKEN" {api}/whoami; echo  # 200: who is calling',
        f'curl -si -H "Authorization: Bearer $TOKEN" {api}/admin; echo  # 403: lacks {ADMIN_SCOPE}',
        f'curl -si -H "Authorization: Bearer nonsense" {api}/whoami; echo  # 401: no good token',
    ]
    if issuer.dialect.issuer.refresh_tokens:
        lines.insert(2, _refresh(issuer))
    if issuer.name == LEGACY_ISSUER:
        basic = f"{CLIENT_ID}:{issuer.secret.reveal()}"
        lines.append(f"curl -s -u '{basic}' {api}/legacy; echo  # 200: HTTP Basic on every call")
    return "\n".join(lines)


LEGACY_ISSUER = "trulioo-normalized"  # whose older API takes client credentials on every call


def _fetch_token(issuer: DemoIssuer) -> str:
    dialect = issuer.dialect
    member = dialect.answer.access_token
    scope = (
        f"&scope={issuer.scope}" if dialect.client.scope or issuer.name == "self-service" else ""
    )
    request = _token_request(issuer, "grant_type=client_credentials" + scope)
    return f"TOKEN=$({request} | {_pick(member)})"


def _refresh(issuer: DemoIssuer) -> str:
    fields = issuer.dialect.answer
    first = _token_request(issuer, "grant_type=client_credentials")
    again = _token_request(issuer, "grant_type=refresh_token&refresh_token=$REFRESH")
    return (
        f"REFRESH=$({first} | {_pick(fields.refresh_token)})\n"
        f"TOKEN=$({again} | {_pick(fields.access_token)})"
    )


def _token_request(issuer: DemoIssuer, form: str) -> str:
    url = issuer.url + issuer.dialect.token_path
    secret = issuer.secret.reveal()
    if issuer.dialect.client.auth == "body":
        return f'curl -s --data "{form}&client_id={CLIENT_ID}&client_secret={secret}" {url}'
    return f"curl -s -u '{CLIENT_ID}:{secret}' --data \"{form}\" {url}"


def _pick(member: str) -> str:
    return f"""sed 's/.*"{member}":"\\([^"]*\\).*/\\1/'"""
