"""The audit trail, refusals and usage over HTTP, for the whole service and for one account."""

import pytest


async def refused(desk, client_id, **form):
    """Let the service refuse a client's request, and return the request's id."""
    wrong = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "wrong"}
    answer = await desk.http.post("/oauth2/token", data=wrong | form)
    await desk.app._service.activity.write(desk.booth.store)
    return answer.headers["x-request-id"]


async def all_pages(desk, path, **call):
    items, cursor = [], ""
    while cursor is not None:
        page = (await desk.call("GET", f"{path}{cursor}", **call)).json()
        items += page["items"]
        cursor = page["next"] and f"&cursor={page['next']}"
    return items


async def test_pages_through_the_trail_and_misses_nothing(desk):
    await refused(desk, "acme-app")

    found = await all_pages(desk, "/audit?limit=3")

    head = (await desk.call("GET", "/audit/head")).json()
    assert [each["seq"] for each in found] == list(range(head["seq"], 0, -1))
    assert found[0]["hash"] == head["hash"]
    assert {"at", "text", "actor", "account", "details"} <= set(found[0])


async def test_searches_the_trail(desk):
    (made,) = (await desk.call("GET", "/audit?type=client_created&client_id=acme-app")).json()[
        "items"
    ]
    assert made["account"] == "acme"
    later = await desk.call("GET", "/audit?since=2999-01-01T00:00:00Z")
    assert later.json() == {"items": [], "next": None}
    assert (await desk.call("GET", "/audit?text=acme-app&type=client")).json()["items"] == [made]


async def test_proves_that_the_trail_is_whole(desk):
    head = (await desk.call("GET", "/audit/head")).json()
    noted = f"{head['seq']}:{head['hash']}"
    moved = f"{head['seq']}:{'0' * 64}"

    whole = (await desk.call("GET", "/audit/verification")).json()
    since = (await desk.call("GET", f"/audit/verification?from={noted}")).json()
    broken = (await desk.call("GET", f"/audit/verification?from={moved}")).json()

    assert (whole["broken_at"], whole["entries"]) == (None, whole["head"]["seq"])
    assert (since["broken_at"], since["head"]["seq"] >= head["seq"]) == (None, True)
    assert (broken["broken_at"], broken["mistake"]) == (
        head["seq"],
        "is not the one that was noted",
    )
    assert (await desk.call("GET", "/audit/verification?from=x")).status_code == 422


@pytest.mark.parametrize(
    "query", ["since=0.5", "since=yesterday", "type=client_creatd", "cursor=WyJ4Il0", "limit=0"]
)
async def test_refuses_what_cannot_be_asked(desk, query):
    assert (await desk.call("GET", f"/audit?{query}")).status_code == 422


async def test_an_account_reads_its_own_entries_alone(desk):
    found = await all_pages(desk, "/audit?limit=100", by="acme-ops")

    assert {each["account"] for each in found} == {"acme"}
    assert (await desk.call("GET", "/audit?account=beta", by="acme-ops")).json()["items"] == []
    assert (await desk.call("GET", "/audit/head", by="acme-ops")).status_code == 403


async def test_pages_through_refusals_and_explains_one(desk):
    ids = [await refused(desk, "acme-app") for _ in range(3)]
    ids.append(await refused(desk, "nobody"))

    found = await all_pages(desk, "/refusals?limit=2")
    told = (await desk.call("GET", f"/refusals/{ids[0]}")).json()

    assert set(ids) <= {each["request_id"] for each in found}
    assert len({each["request_id"] for each in found}) == len(found)
    assert told["refusal"]["reason"] == "wrong_secret"
    assert told["hints"][0].startswith("The client's secrets end with: ")
    wrong = await desk.call("GET", "/refusals?cursor=WyJ4IiwieSJd")
    assert wrong.status_code == 422


async def test_an_account_is_told_of_its_own_refusals_alone(desk):
    own, other = await refused(desk, "acme-app"), await refused(desk, "beta-app")
    stranger = await refused(desk, "nobody")

    statuses = [
        (await desk.call("GET", f"/refusals/{each}", by="acme-ops")).status_code
        for each in (own, other, stranger)
    ]
    listed = await all_pages(desk, "/refusals?limit=9", by="acme-ops")

    assert statuses == [200, 404, 404]
    assert {each["client_id"] for each in listed} == {"acme-app"}


async def test_counts_for_the_service_and_for_an_account(desk):
    await refused(desk, "acme-app")
    await refused(desk, "nobody")

    every = (await desk.call("GET", "/usage?last=3600&step=hour")).json()
    own = (await desk.call("GET", "/usage", by="acme-ops")).json()

    assert len(every["spans"]) == 1
    assert {each["reason"] for each in every["refusals"]} >= {"wrong_secret", "unknown_client"}
    assert {each["client_id"] for each in own["clients"]} <= {"acme-app", "acme-ops"}
    assert {each["reason"] for each in own["refusals"]} == {"wrong_secret"}
    assert (await desk.call("GET", "/usage?client_id=beta-app", by="acme-ops")).status_code == 404
    assert (await desk.call("GET", "/usage?last=34560000&step=hour")).status_code == 422


async def test_takes_the_scope_for_it(desk):
    answer = await desk.call("GET", "/audit", scope="clients:read")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
