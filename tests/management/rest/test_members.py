"""Accounts, members and invitations over REST: the link once, and nobody beyond the own rights."""

import re
from itertools import count

import pytest

from tests.management.people.people import HOME
from tokenbooth.management.people.invitations import join
from tokenbooth.protocol.secret import Secret

pytestmark = pytest.mark.usefixtures("cheap_hashes")
LINK = re.compile(r"https://auth\.example\.com/console/join/[A-Za-z0-9_-]{43}")


_numbers = count()


async def invite(desk, email=None, role="member", account="acme", **how):
    body = {
        "email": email or f"guest{next(_numbers)}@example.com",
        "role": role,
        "account": account,
    }
    return await desk.call("POST", "/invitations", body, **how)


@pytest.fixture
async def ann(desk):
    """The path of a member who joined."""
    made = (await invite(desk)).json()
    await join(
        desk.booth,
        unverified_code=made["link"].rpartition("/")[2],
        password=Secret("correct horse battery"),
        visitor=HOME,
    )
    return f"/members/{made['email']}"


async def test_the_link_is_in_one_answer_alone(desk):
    answer = await invite(desk, account="beta")

    assert answer.status_code == 201
    assert LINK.fullmatch(answer.json()["link"])
    assert answer.headers["cache-control"] == "no-store"
    listed = await desk.call("GET", "/invitations?account=beta")
    assert answer.json()["email"] in [each["email"] for each in listed.json()["items"]]
    assert answer.json()["link"].rpartition("/")[2] not in listed.text


async def test_an_invitation_is_renewed_and_withdrawn(desk):
    first = (await invite(desk)).json()
    renewed = await desk.call("POST", f"/invitations/{first['id']}/renew")

    assert renewed.status_code == 201
    assert renewed.json()["link"] != first["link"]
    path = f"/invitations/{renewed.json()['id']}"
    assert (await desk.call("DELETE", path)).status_code == 204
    assert (await desk.call("DELETE", path)).status_code == 404
    assert (await desk.call("DELETE", f"/invitations/{first['id']}")).status_code == 404


async def test_a_repeated_request_gets_the_same_link(desk):
    answers = [await invite(desk, "twice@example.com", Idempotency_Key="once") for _ in range(2)]

    assert answers[0].status_code == 201
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "no address", "role": "member", "account": "acme"}, 422),
        ({"email": "ann@example.com", "role": "king"}, 422),
        ({"email": "ann@example.com", "role": "member"}, 422),
        ({"email": "ann@example.com", "role": "operator", "account": "acme"}, 422),
        ({"email": "ann@example.com", "role": "member", "account": "none"}, 404),
        ({"email": "ann@example.com"}, 422),
    ],
)
async def test_an_invitation_that_cannot_be_is_refused(desk, body, status):
    assert (await desk.call("POST", "/invitations", body)).status_code == status


async def test_nobody_is_invited_twice(desk, ann):
    assert (await invite(desk, ann.removeprefix("/members/"))).status_code == 409
    assert (await invite(desk, "bob@example.com")).status_code == 201
    assert (await invite(desk, "bob@example.com")).status_code == 409


async def test_a_client_invites_nobody_with_rights_that_its_token_lacks(desk):
    for role, account in (("operator", None), ("auditor", None), ("owner", "acme")):
        refused = await invite(
            desk, role=role, account=account, scope="members:write members:read accounts:read"
        )
        assert refused.status_code == 403, role


async def test_a_client_of_an_account_manages_its_people_alone(desk, ann):
    email = ann.removeprefix("/members/")
    seen = (await desk.call("GET", "/members?limit=500", by="acme-ops")).json()["items"]
    assert email in [each["email"] for each in seen]
    assert (await desk.call("GET", "/members", by="beta-ops")).json()["items"] == []
    for method, path, body in (
        ("GET", ann, None),
        ("PATCH", ann, {"name": "x"}),
        ("DELETE", ann, None),
        ("POST", f"{ann}/password-reset", None),
        ("DELETE", f"{ann}/sessions", None),
        ("DELETE", f"{ann}/second-factor", None),
    ):
        answer = await desk.call(method, path, body, by="beta-ops")
        assert answer.status_code == 404, path
    assert (await invite(desk, by="beta-ops")).status_code == 403
    assert (await invite(desk, role="operator", account=None, by="beta-ops")).status_code == 403


async def test_a_member_is_named_by_email_or_id(desk, ann):
    by_email = (await desk.call("GET", ann)).json()
    by_id = (await desk.call("GET", f"/members/{by_email['id']}")).json()

    assert by_email == by_id
    assert by_email["has_password"] is True
    assert "argon2" not in str(by_email)


async def test_a_member_is_changed_as_it_was_seen(desk, ann):
    tag = (await desk.call("GET", ann)).headers["etag"]
    changed = await desk.call("PATCH", ann, {"role": "owner"}, If_Match=tag)
    assert (changed.status_code, changed.json()["role"]) == (200, "owner")

    late = await desk.call("PATCH", ann, {"name": "x"}, If_Match=tag)
    assert late.status_code == 412
    assert (await desk.call("DELETE", ann, If_Match=tag)).status_code == 412
    gone = await desk.call("DELETE", ann, If_Match=changed.headers["etag"])
    assert gone.status_code == 204


@pytest.mark.parametrize("name", ["name", "role", "account", "enabled"])
async def test_nothing_of_a_member_is_taken_away_by_null(desk, ann, name):
    answer = await desk.call("PATCH", ann, {name: None})

    assert answer.status_code == 422


async def test_a_member_is_disabled_signed_out_and_given_a_new_password(desk, ann):
    assert (await desk.call("DELETE", f"{ann}/sessions")).json() == {"ended": 1}
    reset = await desk.call("POST", f"{ann}/password-reset")
    assert (reset.status_code, reset.json()["kind"]) == (201, "password_reset")
    assert (await desk.call("DELETE", f"{ann}/second-factor")).status_code == 200
    disabled = await desk.call("PATCH", ann, {"enabled": False})
    assert disabled.json()["enabled"] is False
    assert (await desk.call("POST", f"{ann}/password-reset")).status_code == 409


async def test_an_account_is_made_shown_changed_and_deleted(desk):
    made = await desk.call("POST", "/accounts", {"name": "new"})
    assert made.headers["location"] == "/api/v1/accounts/new"
    shown = await desk.call("GET", "/accounts/new")
    assert (shown.json()["clients"], shown.json()["members"]) == (0, 0)
    tag = shown.headers["etag"]
    changed = await desk.call("PATCH", "/accounts/new", {"title": "New Inc"}, If_Match=tag)
    assert changed.json()["title"] == "New Inc"
    late = await desk.call("PATCH", "/accounts/new", {"title": "Other"}, If_Match=tag)
    assert late.status_code == 412
    assert (await desk.call("PATCH", "/accounts/new", {})).json()["title"] == "New Inc"
    assert (await desk.call("DELETE", "/accounts/new", If_Match=tag)).status_code == 412
    assert (await desk.call("DELETE", "/accounts/new")).status_code == 204


async def test_an_account_that_owns_something_is_not_deleted(desk):
    in_use = await desk.call("DELETE", "/accounts/beta")

    assert in_use.status_code == 409
    assert "still has 2 clients." in in_use.json()["detail"]


async def test_an_account_sees_itself_alone(desk):
    seen = await desk.call("GET", "/accounts", by="acme-ops")

    assert [each["name"] for each in seen.json()["items"]] == ["acme"]
    assert (await desk.call("GET", "/accounts/beta", by="acme-ops")).status_code == 404
    for method, path, body in (
        ("POST", "/accounts", {"name": "mine"}),
        ("PATCH", "/accounts/acme", {"title": "x"}),
        ("DELETE", "/accounts/acme", None),
    ):
        assert (await desk.call(method, path, body, by="acme-ops")).status_code == 403, method
