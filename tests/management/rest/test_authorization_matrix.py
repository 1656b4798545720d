"""Every route of the management API: what operators, accounts, readers and strangers get there."""

from itertools import count

import pytest

from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.people.invitations import invite
from tokenbooth.management.rights import RIGHTS
from tokenbooth.server.people_records import Member

READING = " ".join(right for right in RIGHTS if right.endswith(":read"))
_numbers = count()

# What an account may do with each route, and a body that does no harm.
OWN = "its own alone: what belongs to others is not there"
LIST = "a list of its own alone"
SHARED = "what everybody may see"
WHOLE = "nothing: it is for the whole service"
MAKES = "things of its own"

ROUTES = {
    "GET /issuers": (SHARED, None),
    "POST /issuers": (WHOLE, {"name": "more"}),
    "GET /issuers/{name}": (SHARED, None),
    "PATCH /issuers/{name}": (WHOLE, {}),
    "POST /issuers/{name}/revoke-tokens": (WHOLE, None),
    "GET /apis": (SHARED, None),
    "POST /apis": (WHOLE, {"name": "x", "audience": "https://x.example", "scopes": ["x"]}),
    "GET /apis/{name}": (SHARED, None),
    "PATCH /apis/{name}": (WHOLE, {}),
    "POST /apis/{name}/scopes": (WHOLE, {"scopes": ["more"]}),
    "DELETE /apis/{name}": (WHOLE, None),
    "GET /clients": (LIST, None),
    "POST /clients": (MAKES, {"apis": ["open"]}),
    "GET /clients/{client_id}": (OWN, None),
    "PATCH /clients/{client_id}": (OWN, {"name": "new"}),
    "DELETE /clients/{client_id}": (OWN, None),
    "POST /clients/{client_id}/disable": (OWN, None),
    "POST /clients/{client_id}/enable": (OWN, None),
    "POST /clients/{client_id}/revoke-tokens": (OWN, None),
    "PUT /clients/{client_id}/access/{api}": (OWN, {}),
    "DELETE /clients/{client_id}/access/{api}": (OWN, None),
    "GET /clients/{client_id}/credentials": (OWN, None),
    "POST /clients/{client_id}/credentials": (OWN, {}),
    "POST /clients/{client_id}/credentials/public-keys": (
        OWN,
        {"jwks_uri": "https://keys.example.com/jwks"},
    ),
    "POST /clients/{client_id}/credentials/certificates": (OWN, {"san_dns": "app.example.com"}),
    "POST /clients/{client_id}/credentials/federated-identities": (
        WHOLE,  # it brings a further grant
        {"trust": {"issuer": "https://ci.example.com", "rules": ["sub=project:app"]}},
    ),
    "POST /clients/{client_id}/credentials/rotate": (OWN, {}),
    "GET /clients/{client_id}/credentials/{credential_id}": (OWN, None),
    "PATCH /clients/{client_id}/credentials/{credential_id}": (OWN, {"label": "new"}),
    "DELETE /clients/{client_id}/credentials/{credential_id}": (OWN, None),
    "POST /clients/{client_id}/credentials/{credential_id}/revoke-tokens": (OWN, None),
    "GET /clients/{client_id}/rotation": (OWN, None),
    "POST /clients/{client_id}/rotation/finish": (OWN, None),
    "POST /clients/{client_id}/rotation/cancel": (OWN, None),
    "GET /clients/{client_id}/instructions": (OWN, None),
    "GET /clients/{client_id}/instructions/{format_id}": (OWN, None),
    "GET /clients/{client_id}/token-preview": (OWN, None),
    "GET /reminders": (LIST, None),
    "GET /access-requests": (LIST, None),
    "POST /access-requests": (MAKES, {"client": "acme-app", "api": "closed", "reason": "why"}),
    "GET /access-requests/{request_id}": (OWN, None),
    "POST /access-requests/{request_id}/approve": (WHOLE, {}),
    "POST /access-requests/{request_id}/refuse": (WHOLE, {"reason": "why"}),
    "POST /access-requests/{request_id}/withdraw": (OWN, {}),
    "GET /keys": (WHOLE, None),
    "POST /keys/rotate": (WHOLE, {}),
    "DELETE /keys/{kid}": (WHOLE, None),
    "GET /accounts": (LIST, None),
    "POST /accounts": (WHOLE, {"name": "gamma"}),
    "GET /accounts/{name}": (OWN, None),
    "PATCH /accounts/{name}": (WHOLE, {"title": "new"}),
    "DELETE /accounts/{name}": (WHOLE, None),
    "GET /members": (LIST, None),
    "GET /members/{member}": (OWN, None),
    "PATCH /members/{member}": (OWN, {"name": "new"}),
    "DELETE /members/{member}": (OWN, None),
    "POST /members/{member}/password-reset": (OWN, None),
    "DELETE /members/{member}/second-factor": (OWN, None),
    "DELETE /members/{member}/sessions": (OWN, None),
    "GET /invitations": (LIST, None),
    "POST /invitations": (MAKES, {"email": "new@example.com", "role": "member", "account": "acme"}),
    "POST /invitations/{invitation_id}/renew": (OWN, None),
    "DELETE /invitations/{invitation_id}": (OWN, None),
    "GET /audit": (LIST, None),
    "GET /audit/head": (WHOLE, None),
    "GET /audit/verification": (WHOLE, None),
    "GET /refusals": (LIST, None),
    "GET /refusals/{request_id}": (SHARED, None),  # nothing is there under this id
    "GET /usage": (LIST, None),
}


async def things_of(desk, account):
    """Make one of each thing that the account can have; returns the parameters of paths."""
    number = next(_numbers)
    client_id = f"{account}-{number}"
    made = await desk.client(client_id, apis=("open",), scope="o:r", account=account)
    await rotate_secret(desk.booth, client_id)
    member = Member(
        id=client_id,
        email=f"ann{number}@{account}.example",
        role="member",
        account=account,
        password_hash="none",
        created_at=desk.clock.now(),
    )
    await desk.booth.store.add_member(member)
    invited = await invite(
        desk.booth, email=f"bob{number}@{account}.example", role="member", account=account
    )
    asked = await request_access(desk.booth, client_id, api="closed", reason="why")
    return {
        "client_id": client_id,
        "credential_id": made.client.credentials[0].id,
        "request_id": asked.id,
        "member": member.id,
        "invitation_id": invited.id,
        "account": account,
    }


def filled(path, things):
    names = {"issuers": "default", "apis": "open", "accounts": things["account"]}
    values = {"api": "open", "kid": "none", "format_id": "curl", **things}
    values["name"] = names.get(path.split("/")[1], "none")
    return path.format(**values)


async def test_the_matrix_names_every_route(desk):
    document = (await desk.http.get("/api/v1/openapi.json")).json()

    described = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
async def test_everybody_gets_what_is_theirs(desk, route):
    kind, body = ROUTES[route]
    method, path = route.split(" ")

    async def status(things, **caller):
        answer = await desk.call(method, filled(path, things), body, **caller)
        assert answer.status_code < 500, answer.text
        return answer.status_code

    mine = await things_of(desk, "acme")
    foreign = await things_of(desk, "beta")
    nobodys = dict.fromkeys(foreign, "none") | {"client_id": "nobodys"}

    assert await status(mine, by=None) == 401
    assert await status(mine, by="acme-app") == 401  # its token is for another API
    if method != "GET":
        assert await status(mine, scope=READING) == 403
        assert await status(mine, by="acme-ops", scope=READING) == 403
    if kind == OWN:
        assert [await status(each, by="acme-ops") for each in (foreign, nobodys)] == [404, 404]
        assert await status(mine, by="acme-ops") in (200, 201, 204, 409)
    elif kind == WHOLE:
        assert await status(mine, by="acme-ops") == 403
    elif "refusals/" not in path:
        assert await status(mine, by="acme-ops") in (200, 201)
    # Last: what operators do is done.
    if route not in ("DELETE /apis/{name}", "POST /issuers/{name}/revoke-tokens"):
        assert await status(await things_of(desk, "acme")) not in (401, 403)


@pytest.mark.parametrize("route", [route for route, (kind, _) in ROUTES.items() if kind == LIST])
async def test_a_list_shows_an_account_nothing_of_others(desk, route):
    await things_of(desk, "acme")
    await things_of(desk, "beta")

    answer = await desk.call("GET", route.removeprefix("GET "), by="acme-ops")

    assert "beta" not in answer.text
    assert "nobodys" not in answer.text


async def test_an_account_s_new_client_is_its_own_whatever_it_says(desk):
    made = await desk.call("POST", "/clients", {"apis": ["open"]}, by="acme-ops")
    others = await desk.call(
        "POST", "/clients", {"apis": ["open"], "account": "beta"}, by="acme-ops"
    )

    assert made.json()["client"]["account"] == "acme"
    assert others.status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        {"apis": ["closed"]},
        {"apis": ["management"], "scopes": ["clients:read"]},
        {"apis": ["open"], "resource_server_for": ["open"]},
        {"apis": ["open"], "token_lifetime": 86_400},
        {"apis": ["open"], "token_format": "opaque"},
        {"apis": ["open"], "grant_types": ["token-exchange"]},
        {"apis": ["open"], "refresh_tokens": False},
    ],
)
async def test_an_account_makes_no_client_that_may_more_than_self_service(desk, said):
    answer = await desk.call("POST", "/clients", said, by="acme-ops")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"name": "n", "description": "d", "networks": ["192.0.2.0/24"]}, 200),
        ({"dpop_bound": True, "token_lifetime": 60, "enabled": False}, 200),
        ({"account": None}, 403),
        ({"account": "beta"}, 404),
        ({"resource_server_for": ["open"]}, 403),
        ({"token_lifetime": 7200}, 403),
        ({"quota_per_hour": 5}, 403),
        ({"claims": {"tier": "gold"}}, 403),
        ({"exchanges": ["open"]}, 403),
        ({"grant_types": ["token-exchange"]}, 403),
        ({"certificate_bound": False}, 403),
    ],
)
async def test_an_account_changes_of_its_clients_what_is_its_to_say(desk, mine, said, status):
    answer = await desk.call("PATCH", f"/clients/{mine}", said, by="acme-ops")

    assert answer.status_code == status, answer.text


async def test_an_account_cannot_enable_what_an_operator_disabled(desk, mine):
    path = f"/clients/{mine}"
    await desk.call("POST", f"{path}/disable", by="acme-ops")
    own = await desk.call("POST", f"{path}/enable", by="acme-ops")
    await desk.call("POST", f"{path}/disable", by="acme-ops")
    await desk.call("POST", f"{path}/disable")  # an operator, on top of it
    await desk.call("POST", f"{path}/disable", by="acme-ops")

    answers = [
        await desk.call("POST", f"{path}/enable", by="acme-ops"),
        await desk.call("PATCH", path, {"enabled": True}, by="acme-ops"),
        await desk.call("DELETE", path, by="acme-ops"),
    ]

    assert own.status_code == 200
    assert [each.status_code for each in answers] == [403, 403, 403]
    assert (await desk.call("POST", f"{path}/enable")).json()["enabled"] is True


async def test_an_account_s_client_gives_no_more_than_its_token_has(desk):
    await desk.client("acme-admin", account="acme", scope="clients:read")

    for method, path, body in (
        ("POST", "/clients/acme-ops/credentials", {}),
        ("POST", "/clients/acme-ops/credentials/rotate", {}),
        ("PATCH", "/clients/acme-ops", {"name": "mine"}),
    ):
        answer = await desk.call(
            method, path, body, by="acme-ops", scope="clients:write credentials:write"
        )
        assert answer.status_code == 403


async def test_what_is_done_is_recorded_in_the_caller_s_name(desk, mine):
    answer = await desk.call("PATCH", f"/clients/{mine}", {"name": "n"}, by="acme-ops")

    events = (await desk.call("GET", f"/audit?client_id={mine}")).json()["items"]
    changed = next(each for each in events if each["type"] == "client_changed")
    assert changed["actor"] == "client:acme-ops"
    assert changed["request_id"] == answer.headers["X-Request-Id"]
