"""What is known is not sent again, and nobody overwrites what somebody else changed meanwhile."""

import pytest


@pytest.mark.parametrize(
    "path",
    ["/clients/acme-app", "/apis/open", "/issuers/default"],
)
async def test_a_thing_that_is_known_is_not_sent_again(desk, path):
    first = await desk.call("GET", path)
    again = await desk.call("GET", path, If_None_Match=first.headers["ETag"])
    weak = await desk.call("GET", path, If_None_Match=f'"x", W/{first.headers["ETag"]}')
    other = await desk.call("GET", path, If_None_Match='"0123"')

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (weak.status_code, other.status_code) == (304, 200)


async def test_a_change_is_seen_by_whoever_knew_the_thing_before(desk, mine):
    known = (await desk.call("GET", f"/clients/{mine}")).headers["ETag"]

    await desk.call("POST", f"/clients/{mine}/credentials", {})
    after = await desk.call("GET", f"/clients/{mine}", If_None_Match=known)

    # A further credential is no change of the client itself, but there is more to see.
    assert after.status_code == 200
    assert after.headers["ETag"].split(".")[0] == known.split(".")[0]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("POST", "/disable", None),
        ("POST", "/enable", None),
        ("POST", "/revoke-tokens", None),
        ("PUT", "/access/closed", {}),
        ("DELETE", "/access/open", None),
    ],
)
async def test_a_change_of_an_older_version_is_refused(desk, mine, method, path, body):
    known = (await desk.call("GET", f"/clients/{mine}")).headers["ETag"]
    await desk.call("PATCH", f"/clients/{mine}", {"name": "theirs"})

    answer = await desk.call(method, f"/clients/{mine}{path}", body, If_Match=known)

    assert (answer.status_code, answer.json()["code"]) == (412, "outdated")
    client = (await desk.call("GET", f"/clients/{mine}")).json()
    assert (client["name"], client["enabled"]) == ("theirs", True)


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/apis/open", {"audience": "https://mine.example"}, {"self_service": False}),
        ("/issuers/default", {"token_lifetime": 60}, {"token_lifetime": 90}),
    ],
)
async def test_apis_and_issuers_are_changed_in_the_version_that_was_seen(desk, path, body, other):
    known = (await desk.call("GET", path)).headers["ETag"]

    first = await desk.call("PATCH", path, body, If_Match=known)
    second = await desk.call("PATCH", path, other, If_Match=known)
    third = await desk.call("PATCH", path, other, If_Match=first.headers["ETag"])

    assert [each.status_code for each in (first, second, third)] == [200, 412, 200]


async def test_a_credential_is_changed_in_the_version_that_was_seen(desk, mine):
    (one,) = (await desk.call("GET", f"/clients/{mine}/credentials")).json()["items"]
    path = f"/clients/{mine}/credentials/{one['id']}"
    known = (await desk.call("GET", path)).headers["ETag"]

    first = await desk.call("PATCH", path, {"label": "blue"}, If_Match=known)
    second = await desk.call("DELETE", path, If_Match=known)

    assert (first.json()["label"], second.status_code) == ("blue", 412)


@pytest.mark.parametrize("tag", ['W/"0a"', "0a", '"0a", "0b"', "", '"nothex"'])
async def test_a_condition_that_cannot_be_met_changes_nothing(desk, mine, tag):
    answer = await desk.call("PATCH", f"/clients/{mine}", {"name": "mine"}, If_Match=tag)

    assert answer.status_code == 412


async def test_any_version_may_be_asked_for(desk, mine):
    answer = await desk.call("PATCH", f"/clients/{mine}", {"name": "mine"}, If_Match="*")

    assert (answer.status_code, answer.json()["name"]) == (200, "mine")
