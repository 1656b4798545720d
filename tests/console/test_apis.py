"""APIs in the console."""

from html import unescape

import httpx2
import pytest

from tests.console.people import value_of, words
from tokenbooth.management.rest.rights import ensure_management_api
from tokenbooth.management.service.apis import find_api
from tokenbooth.management.service.issuer_changes import IssuerChanges, change_issuer
from tokenbooth.server.records import ApiScope

pytestmark = pytest.mark.anyio
NEW = {
    "issuer": "default",
    "name": "bills",
    "audience": "https://bills.example.com",
    "scopes": "bills:read See bills\nbills:pay",
}


async def test_lists_what_there_is_to_call(member):
    page = words(await member.get("/apis"))

    assert "persons https://persons.example.com" in page
    assert "self-service" in page
    assert "needs approval" in page
    assert "New API" not in page
    assert "persons:read persons:write self-service 1" in page  # of its own clients


async def test_makes_an_api_with_described_scopes(operator, town):
    made = await operator.post("/apis/new", NEW, self_service="yes")
    page = words(await operator.follow(made))

    api = await find_api(town.booth, "bills", issuer="default")
    assert api.scopes == (
        ApiScope(name="bills:read", description="See bills"),
        ApiScope(name="bills:pay"),
    )
    assert api.self_service
    assert "bills:read See bills bills:pay not described" in page


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"name": "has space"}, 422, "is no API name"),
        ({"name": "persons"}, 409, "has an API 'persons' already"),
        ({"audience": "nowhere"}, 422, "is no absolute URI"),
        ({"audience": "https://persons.example.com"}, 409, "belongs to the API 'persons' already"),
        ({"scopes": ""}, 422, "at least one scope"),
        ({"scopes": "a\na"}, 422, "is there twice"),
        ({"scopes": 'a"b'}, 422, ""),
        ({"issuer": "nowhere"}, 404, "There is no issuer 'nowhere'"),
    ],
)
async def test_says_what_is_wrong_and_keeps_what_was_typed(operator, wrong, status, text):
    answer = await operator.post("/apis/new", NEW | wrong)

    assert answer.status_code == status
    assert text in words(answer)
    assert value_of(answer, "name") == (NEW | wrong)["name"]


async def test_shows_a_member_its_own_clients_with_access_alone(member, operator):
    page = words(await member.get("/apis/default/persons"))
    assert "acme-app" in page
    assert "globex" not in page
    assert "Delete" not in page

    everybody = words(await operator.get("/apis/default/persons"))
    assert "acme-app" in everybody
    assert "globex-app" in everybody


async def test_leads_a_member_to_a_request_where_approval_is_needed(member, operator):
    link = "/console/requests/new?issuer=default&amp;api=orders"
    assert link in (await member.get("/apis/default/orders")).text
    assert "/requests/new" not in (await member.get("/apis/default/persons")).text
    assert "/requests/new" not in (await operator.get("/apis/default/orders")).text


async def _edit(operator, **changes):
    form = await operator.get("/apis/default/persons/edit")
    fields = {
        "version": value_of(form, "version"),
        "audience": "https://persons.example.com",
        "scopes": "persons:read Look people up\npersons:write",
        "self_service": "yes",
    }
    return await operator.post("/apis/default/persons/edit", fields | changes)


async def test_changes_scopes_and_self_service(operator, town):
    saved = await _edit(
        operator, scopes="persons:read See them\npersons:write\npersons:kill", self_service=""
    )

    assert saved.status_code == 303, words(saved)
    api = await find_api(town.booth, "persons", issuer="default")
    assert [(scope.name, scope.description) for scope in api.scopes] == [
        ("persons:read", "See them"),
        ("persons:write", ""),
        ("persons:kill", ""),
    ]
    assert not api.self_service


async def test_warns_which_clients_would_lose_a_scope(operator, town):
    asked = await _edit(operator, scopes="persons:write")
    assert asked.status_code == 409
    page = words(asked)
    assert "acme-app of acme: persons:read" in page
    assert "globex-app of globex: persons:read" in page
    kept = await find_api(town.booth, "persons", issuer="default")
    assert [scope.name for scope in kept.scopes] == ["persons:read", "persons:write"]

    told = await _edit(operator, scopes="persons:write", sure="yes")
    assert told.status_code == 303
    api = await find_api(town.booth, "persons", issuer="default")
    assert [scope.name for scope in api.scopes] == ["persons:write"]


async def test_takes_a_scope_that_nobody_has_without_asking(operator):
    assert (await _edit(operator, scopes="persons:read")).status_code == 303


async def test_two_who_edit_at_once_do_not_overwrite_each_other(operator):
    version = value_of(await operator.get("/apis/default/persons/edit"), "version")
    first = await _edit(operator, version=version, scopes="persons:read First")
    second = await _edit(operator, version=version, scopes="persons:read Second")

    assert first.status_code == 303
    assert second.status_code == 409
    assert "Somebody else changed it meanwhile" in words(second)
    assert "First" in words(await operator.get("/apis/default/persons"))


async def test_the_management_api_is_looked_after_by_the_service_alone(operator, town):
    await ensure_management_api(town.booth, "https://auth.example.com")
    path = "/apis/default/management"

    page = words(await operator.get(path))
    assert "the service's own management API" in page
    assert "Delete" not in page
    assert (await operator.post(f"{path}/delete")).status_code == 409
    form = {"audience": "https://evil.example.com", "scopes": "clients:write"}
    assert (await operator.post(f"{path}/edit", form, sure="yes")).status_code == 409
    kept = await find_api(town.booth, "management", issuer="default")
    assert kept.audience == "https://auth.example.com/api/v1"


async def test_deletes_an_api_only_when_no_client_has_access(operator):
    kept = await operator.post("/apis/default/persons/delete")
    assert kept.status_code == 409
    assert "Clients still have access" in words(kept)

    gone = await operator.post("/apis/default/orders/delete")
    assert "The API orders is deleted" in words(await operator.follow(gone))
    assert (await operator.get("/apis/default/orders")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/apis/new", "/apis/default/persons/edit", "/apis/default/persons/delete"]
)
async def test_members_change_nothing_and_forms_from_elsewhere_neither(
    operator, member, path, town
):
    assert (await member.post(path, NEW)).status_code == 403
    assert (await operator.post(path, NEW, csrf="wrong")).status_code == 403
    elsewhere = {"Origin": "https://evil.example.com"}
    assert (await operator.post(path, NEW, headers=elsewhere)).status_code == 403
    assert (await (await town.sign_in("auditor")).post(path, NEW)).status_code == 403


async def test_an_api_that_is_not_there_is_not_found(operator):
    for path in ("/apis/default/nothing", "/apis/nowhere/persons", "/apis/default/nothing/edit"):
        assert (await operator.get(path)).status_code == 404
    assert (await operator.post("/apis/default/nothing/edit", NEW)).status_code == 404
    assert (await operator.post("/apis/default/nothing/delete")).status_code == 404


async def test_hostile_text_is_escaped(operator):
    await operator.post("/apis/new", NEW | {"scopes": "a <script>alert(1)</script>"})

    page = await operator.get("/apis/default/bills")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


async def _snippet(browser, title):
    page = await browser.get("/apis/default/persons")
    assert page.status_code == 200
    block = page.text.partition(f'aria-label="Code for {title}"><code>')[2].partition("</code>")[0]
    assert block
    return unescape(block)


@pytest.mark.parametrize("title", ["FastAPI", "Starlette, any ASGI"])
async def test_the_code_for_a_framework_runs_and_lets_nobody_in_without_a_token(operator, title):
    code = {}
    exec(await _snippet(operator, title), code)

    assert (code["guard"].issuer, code["guard"].audience) == (
        "https://auth.example.com",
        "https://persons.example.com",
    )
    transport = httpx2.ASGITransport(code["app"])
    async with httpx2.AsyncClient(transport=transport, base_url="https://api") as http:
        assert (await http.get("/hello")).status_code == 401


async def test_the_code_without_a_framework_runs_and_lets_nobody_in_without_a_token(operator):
    code = {}
    exec(await _snippet(operator, "Any Python"), code)

    status, headers, _ = code["answer"]({}, "GET", "https://persons.example.com/hello")
    assert status == 401
    assert "Bearer" in str(headers)


async def test_where_tokens_are_opaque_the_guard_is_given_credentials(operator, town):
    await change_issuer(town.booth, "default", IssuerChanges(token_format="opaque"))

    assert 'secret="env:GUARD_SECRET"' in await _snippet(operator, "FastAPI")
