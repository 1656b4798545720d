"""Why a request was refused, in the console."""

import pytest

from tests.console.people import words

pytestmark = pytest.mark.anyio


@pytest.fixture
async def refused(town):
    """The ids of a refused request of acme's client, and of one of globex's."""
    ids = []
    for client in ("acme-app", "globex-app"):
        answer = await town.ask(
            "/oauth2/token",
            grant_type="client_credentials",
            scope="orders:read",
            client_id=client,
            secret=await town.add_secret(client),
        )
        assert answer.status_code == 400, answer.text
        ids.append(answer.headers["x-request-id"])
    await town.service.activity.write(town.store)
    return ids


async def test_explains_a_refused_request_with_its_remedy(operator, refused):
    page = words(await operator.get("/audit/refusals", id=refused[0]))

    assert "What to do:" in page
    assert "acme-app" in page
    assert "400 invalid_scope" in page
    assert "The client may have: persons (persons:read)" in page


async def test_explains_an_error_code(member):
    page = words(await member.get("/audit/refusals", id="invalid_client"))
    assert "What to do:" in page


async def test_lists_the_latest_refusals(operator, refused):
    page = await operator.get("/audit/refusals")

    for request_id in refused:
        assert f"/console/audit/refusals?id={request_id}" in page.text


async def test_shows_an_account_its_own_refusals_alone(member, refused):
    own, foreign = refused
    page = await member.get("/audit/refusals")
    assert own in page.text
    assert foreign not in page.text
    assert (await member.get("/audit/refusals", id=own)).status_code == 200
    assert (await member.get("/audit/refusals", id=foreign)).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"id": "0" * 24}, 404),
        ({"id": "<b>nonsense</b>"}, 404),
        ({"before": "x y"}, 422),
        ({"before": "nan 0"}, 422),
    ],
)
async def test_says_what_is_not_known(operator, asked, status):
    answer = await operator.get("/audit/refusals", **asked)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "<b>nonsense" not in answer.text
