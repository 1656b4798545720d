"""The revocation feed over HTTP: signed, in order, page by page, and silent about names."""

import pytest

from tests.server.booths import BASE_URL
from tokenbooth.management.clients.clients import revoke_tokens
from tokenbooth.protocol.jwt import read_jwt, verify_jwt
from tokenbooth.protocol.revocation_feed import MAX_ENTRIES, mark, read_feed
from tokenbooth.server.records import Revocation


@pytest.fixture
def read(town):
    async def page(after=0, *, issuer="default", query=None):
        path = "/oauth2/revocations" if issuer == "default" else f"/{issuer}/oauth2/revocations"
        answer = await town.http.get(path, params=query or {"after": after})
        assert answer.status_code == 200, answer.text
        unverified = read_jwt(answer.text, max_length=300_000)
        view = town.issuer(issuer)
        claims = verify_jwt(unverified, view.keys.signing.public)
        return read_feed(
            claims, typ=unverified.typ, issuer=view.url, after=after, now=town.clock.now()
        )

    return page


async def revoke(town, *keys, issuer="default", lasts=100):
    end = town.clock.now() + lasts
    await town.store.revoke([Revocation(issuer=issuer, key=key, expires_at=end) for key in keys])


def marks(page):
    return [entry.mark for entry in page.entries]


async def test_is_published_in_the_metadata(town):
    metadata = (await town.http.get("/.well-known/oauth-authorization-server")).json()

    assert metadata["revocation_feed_endpoint"] == f"{BASE_URL}/oauth2/revocations"


async def test_an_empty_feed_is_signed_too(read):
    page = await read()

    assert (page.entries, page.cursor, page.is_last) == ((), 0, True)


async def test_a_revoked_token_is_in_the_feed_until_it_would_have_expired(town, read, clock):
    secret = await town.add_client()
    token = (await town.token(secret)).json()["access_token"]
    await town.revoke(secret, token)

    (entry,) = (await read()).entries
    clock.travel(3600)
    lingering = await read()
    clock.travel(200)

    assert entry.expires_at == clock.now() - 200
    assert len(lingering.entries) == 1
    assert (await read()).entries == ()


async def test_a_clients_end_is_in_the_feed_with_its_moment_and_without_its_name(town, read, clock):
    await town.add_client()
    await revoke_tokens(town.booth, "ada")

    answer = await town.http.get("/oauth2/revocations")
    (entry,) = (await read()).entries

    assert (entry.mark, entry.before) == (mark(BASE_URL, "client:ada"), clock.now())
    assert b"ada" not in answer.content


async def test_each_issuer_has_its_own(town, read):
    await town.add_issuer("sandbox")
    await revoke(town, "jti:a")
    await revoke(town, "jti:b", issuer="sandbox")

    assert marks(await read()) == [mark(BASE_URL, "jti:a")]
    assert marks(await read(issuer="sandbox")) == [mark(f"{BASE_URL}/sandbox", "jti:b")]


async def test_goes_on_from_the_cursor_page_by_page(town, read):
    await revoke(town, *(f"jti:{number:04}" for number in range(MAX_ENTRIES + 5)))

    first = await read()
    second = await read(first.cursor)
    await revoke(town, "jti:last")
    third = await read(second.cursor)

    assert (len(first.entries), first.is_last) == (MAX_ENTRIES, False)
    assert (len(second.entries), second.is_last) == (5, True)
    assert marks(third) == [mark(BASE_URL, "jti:last")]


async def test_starts_over_for_a_cursor_of_a_later_state(town, read):
    await revoke(town, "jti:a")

    page = await read(5_000)

    assert (page.after, marks(page)) == (0, [mark(BASE_URL, "jti:a")])


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 17, "1&after=2", " "])
async def test_refuses_what_is_no_cursor(town, cursor):
    answer = await town.http.get(f"/oauth2/revocations?after={cursor}")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_other_parameters_are_ignored(read):
    assert (await read(query={"after": "", "x": "y"})).cursor == 0


async def test_is_read_with_get_alone(town):
    answer = await town.http.post("/oauth2/revocations")
    head = await town.http.head("/oauth2/revocations")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (head.status_code, head.content) == (200, b"")


async def test_is_a_jwt_of_its_own_type_that_caches_keep_for_a_second(town):
    answer = await town.http.get("/oauth2/revocations")

    assert answer.headers["content-type"] == "application/revocation-feed+jwt"
    assert answer.headers["cache-control"] == "public, max-age=1"
    assert read_jwt(answer.text).typ == "revocation-feed+jwt"


async def test_a_page_of_the_feed_is_no_token(town):
    secret = await town.add_client()
    page = (await town.http.get("/oauth2/revocations")).text

    assert (await town.introspect(secret, page)).json() == {"active": False}


async def test_an_issuer_without_a_key_answers_503(town):
    await town.add_issuer("keyless", keys=False)

    answer = await town.http.get("/keyless/oauth2/revocations")

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
