"""Who may not take an API, asks for it; an operator decides, and it is granted at once."""

import asyncio

import pytest

from tokenbooth.management.clients.access import grant
from tokenbooth.management.clients.access_requests import (
    MOST_PENDING,
    approve,
    list_requests,
    refuse,
    request_access,
    show_request,
    withdraw_request,
)
from tokenbooth.management.clients.clients import create_client, delete_client, show_client
from tokenbooth.management.errors import BadInput, Conflict, Missing, NotAllowed, Outdated
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rights import ROLES
from tokenbooth.management.service.api_changes import change_api
from tokenbooth.management.service.apis import create_api, delete_api
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ApiScope


@pytest.fixture
async def ann(booth: Booth) -> Booth:
    """The booth for a member of acme, which has a client `app` for a self-service API."""
    for name in ("acme", "beta"):
        await create_account(booth, name=name)
    await create_api(
        booth, name="free", audience="https://free.example", scopes="f", self_service=True
    )
    await create_client(booth, client_id="app", apis=["free"], account="acme")
    return booth.acting_as(
        Actor(kind="member", name="ann@acme.example", rights=ROLES["member"], account="acme")
    )


async def access_of(booth: Booth) -> dict[str, tuple[str, ...]]:
    return {each.api: each.scopes for each in (await show_client(booth, "app")).access}


async def test_what_is_asked_for_and_approved_is_granted(booth: Booth, ann: Booth) -> None:
    with pytest.raises(NotAllowed, match="request for access"):
        await grant(ann, "app", api="persons")
    asked = await request_access(ann, "app", api="persons", reason="We count heads.")

    decided = await approve(booth, asked.id, reason="Fine.")

    assert (asked.status, asked.scopes, asked.requested_by) == (
        "pending",
        ("a", "b"),
        "member:ann@acme.example",
    )
    assert (decided.status, decided.decision) == ("approved", "Fine.")
    assert await access_of(booth) == {"free": ("f",), "persons": ("a", "b")}
    assert (await show_request(ann, asked.id)).status == "approved"


async def test_less_than_was_asked_for_may_be_approved_and_not_more(
    booth: Booth, ann: Booth
) -> None:
    asked = await request_access(ann, "app", api="persons", scopes=["a"], reason="why")
    other = await request_access(ann, "app", api="orders", reason="why")

    with pytest.raises(BadInput, match="was not asked for"):
        await approve(booth, asked.id, scopes=["b"])
    await approve(booth, other.id, scopes=["d"])

    assert await access_of(booth) == {"free": ("f",), "orders": ("d",)}


async def test_what_a_client_had_of_the_api_stays(booth: Booth, ann: Booth) -> None:
    await grant(booth, "app", api="persons", scope="a")
    asked = await request_access(ann, "app", api="persons", scopes=["b"], reason="why")

    await approve(booth, asked.id)

    assert (await access_of(booth))["persons"] == ("a", "b")
    # What was approved once may be narrowed without asking anybody.
    await grant(ann, "app", api="persons", scope="b")


async def test_the_trail_tells_the_whole_story(booth: Booth, ann: Booth) -> None:
    asked = await request_access(ann, "app", api="persons", reason="We count heads.")
    await approve(booth, asked.id, reason="Fine.")

    entries = await booth.store.list_events(EventFilter(account="acme", type="access_"))

    assert [(each.event.type, each.event.reason) for each in reversed(entries)] == [
        ("access_requested", "We count heads."),
        ("access_request_approved", "Fine."),
        ("access_granted", ""),
    ]


async def test_a_refusal_says_why(booth: Booth, ann: Booth) -> None:
    asked = await request_access(ann, "app", api="persons", reason="why")

    with pytest.raises(BadInput, match="Say the reason"):
        await refuse(booth, asked.id, reason=" ")
    decided = await refuse(booth, asked.id, reason="Not yet.")

    assert (decided.status, decided.decision) == ("refused", "Not yet.")
    assert "persons" not in await access_of(booth)


async def test_a_request_is_decided_once(booth: Booth, ann: Booth) -> None:
    asked = await request_access(ann, "app", api="persons", reason="why")

    done = await asyncio.gather(
        approve(booth, asked.id),
        refuse(booth, asked.id, reason="no"),
        withdraw_request(ann, asked.id),
        return_exceptions=True,
    )

    lost = [each for each in done if isinstance(each, Exception)]
    assert len(lost) == 2
    assert all(isinstance(each, Conflict) for each in lost)


async def test_who_decides_an_older_version_is_told(booth: Booth, ann: Booth) -> None:
    asked = await request_access(ann, "app", api="persons", reason="why")

    with pytest.raises(Outdated):
        await approve(booth, asked.id, version="0" * 32)


async def test_what_is_gone_cannot_be_approved(booth: Booth, ann: Booth) -> None:
    scope = await request_access(ann, "app", api="persons", reason="why")
    await change_api(booth, "persons", scopes=[ApiScope(name="a")])
    api = await request_access(ann, "app", api="orders", reason="why")
    await delete_api(booth, "orders")
    with pytest.raises(Conflict, match="has no scope 'b' any more"):
        await approve(booth, scope.id)
    with pytest.raises(Conflict, match="The API 'orders' is gone"):
        await approve(booth, api.id)

    await delete_client(booth, "app", force=True)
    await create_client(booth, client_id="app", apis=["free"], account="beta")

    with pytest.raises(Conflict, match="The client 'app' is gone"):
        await approve(booth, scope.id)
    assert (await refuse(booth, scope.id, reason="gone")).status == "refused"


async def test_others_requests_are_not_there(booth: Booth, ann: Booth) -> None:
    await create_client(booth, client_id="theirs", apis=["free"], account="beta")
    asked = await request_access(booth, "theirs", api="persons", reason="why")

    assert await list_requests(ann) == ()
    assert await list_requests(ann, account="beta") == ()
    assert [each.id for each in await list_requests(booth, status="pending")] == [asked.id]
    for work in (show_request(ann, asked.id), withdraw_request(ann, asked.id)):
        with pytest.raises(Missing):
            await work
    with pytest.raises(NotAllowed):
        await approve(ann, asked.id)


async def test_refuses_requests_that_mean_nothing(booth: Booth, ann: Booth) -> None:
    await create_client(booth, client_id="ours", apis=["free"])
    await request_access(ann, "app", api="persons", scopes=["a"], reason="why")

    with pytest.raises(Conflict, match="has this access already"):
        await request_access(ann, "app", api="free", reason="why")
    with pytest.raises(Conflict, match="asked for already"):
        await request_access(ann, "app", api="persons", scopes=["a"], reason="why")
    with pytest.raises(BadInput, match="belongs to no account"):
        await request_access(booth, "ours", api="persons", reason="why")
    with pytest.raises(BadInput, match="at most 2000"):
        await request_access(ann, "app", api="orders", reason="x" * 2001)


async def test_one_client_cannot_flood_the_operators(booth: Booth, ann: Booth) -> None:
    for number in range(MOST_PENDING):
        name = f"api-{number}"
        await create_api(booth, name=name, audience=f"https://{name}.example", scopes="x")
        await request_access(ann, "app", api=name, reason="why")

    with pytest.raises(Conflict, match="withdraw some first"):
        await request_access(ann, "app", api="orders", reason="why")
