"""A guard that follows the revocation feed: dead tokens die, and silence never brings them back."""

import gc
import json
import os
import threading
import time

import pytest

from tests.guard.tiny_issuer import bearer
from tests.remote.local_server import Reply
from tokenbooth.guard.refusal import Refusal
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.revocation_feed import (
    TYP,
    FeedEntry,
    FeedPage,
    feed_claims,
    mark,
    signing_key_name,
)

POLL = 0.1


class Feed:
    """What the tiny issuer publishes; a test may break any part of it."""

    def __init__(self, issuer):
        self.issuer = issuer
        self.listed = []
        self.page_size = 1000
        self.key = issuer.key
        self.typ = TYP
        self.changes = {}
        issuer.metadata["revocation_feed_endpoint"] = f"{issuer.url}/revocations"
        self.come_back()

    def come_back(self):
        self.issuer.server.on("/revocations", self._answer)

    def fall_silent(self, status=503):
        self.issuer.server.on("/revocations", Reply(status=status))

    def revoke(self, *keys, before=None):
        end = self.issuer.clock.now() + 3600
        for key in keys:
            named = mark(self.issuer.url, key)
            self.listed.append(FeedEntry(mark=named, expires_at=end, before=before))

    def _answer(self, seen):
        after = int(seen.path.rpartition("=")[2])
        if after > len(self.listed):
            after = 0
        some = tuple(self.listed[after : after + self.page_size])
        cursor = after + len(some)
        page = FeedPage(
            issuer=self.issuer.url,
            as_of=self.issuer.clock.now(),
            after=after,
            cursor=cursor,
            is_last=cursor == len(self.listed),
            entries=some,
        )
        claims = feed_claims(page) | self.changes
        return Reply(body=sign_jwt(claims, self.key, typ=self.typ).encode())

    @property
    def polls(self):
        return self.issuer.calls("/revocations")

    def wait_for_polls(self, count=2):
        """Wait for whole rounds that began after this moment."""
        end, goal = time.monotonic() + 10, self.polls + count
        while self.polls < goal:
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.fixture
def feed(issuer):
    return Feed(issuer)


@pytest.fixture
def following(make_guard, feed):
    guard = make_guard(follow_revocations=True, revocation_poll_seconds=POLL)
    yield guard
    guard.close()


def status(guard, token):
    try:
        guard.verify_sync(bearer(token))
    except Refusal as refusal:
        return refusal.status, refusal.reason
    return 200, ""


REVOKED = (401, "revoked")
UNKNOWN = (503, "revocations_unknown")


@pytest.mark.parametrize("key", ["jti:a-1", "client:shop", "issuer:", "sid:f-1", "credential:c-1"])
def test_a_token_dies_by_any_key_that_it_carries(following, issuer, feed, key):
    token = issuer.token(sid="f-1", credential_id="c-1")
    other = issuer.token(jti="b", client_id="till", sid="f-2", credential_id="c-2")
    assert status(following, token) == (200, "")

    feed.revoke(key)
    feed.wait_for_polls()

    assert status(following, token) == REVOKED
    assert status(following, other) == (REVOKED if key == "issuer:" else (200, ""))


def test_a_pulled_key_speaks_for_nobody_whatever_its_thief_writes(following, issuer, feed):
    assert status(following, issuer.token()) == (200, "")

    feed.revoke(signing_key_name(issuer.key.kid))
    feed.wait_for_polls()

    # The guard still has the key. Ending the issuer's tokens so far would not reach this one.
    forged = issuer.token(jti="forged", client_id="forged", iat=int(issuer.clock.now()) + 30)
    assert status(following, issuer.token()) == REVOKED
    assert status(following, forged) == REVOKED


def test_what_was_revoked_before_the_guard_began_counts_at_the_first_request(
    following, issuer, feed
):
    feed.revoke("jti:a-1")

    assert status(following, issuer.token()) == REVOKED


async def test_the_first_request_waits_without_blocking_the_event_loop(following, issuer, feed):
    feed.revoke("jti:a-1")

    with pytest.raises(Refusal) as caught:
        await following.verify(bearer(issuer.token()))

    assert caught.value.reason == "revoked"
    assert "invalid_token" in caught.value.headers["WWW-Authenticate"]


def test_a_moment_ends_what_was_issued_until_then_and_nothing_later(following, issuer, feed):
    now = issuer.clock.now()
    feed.revoke("client:shop", before=now)

    assert status(following, issuer.token(iat=int(now))) == REVOKED
    assert status(following, issuer.token(iat=int(now) + 1)) == (200, "")


def test_a_later_entry_never_takes_back_what_an_earlier_one_said(following, issuer, feed):
    feed.revoke("client:shop")
    feed.revoke("client:shop", before=1.0)
    feed.revoke("sid:f", before=issuer.clock.now())
    feed.revoke("sid:f", before=1.0)

    assert status(following, issuer.token()) == REVOKED
    assert status(following, issuer.token(client_id="till", sid="f")) == REVOKED


def test_reads_many_pages_before_it_answers(following, issuer, feed):
    feed.page_size = 3
    feed.revoke(*(f"jti:{number}" for number in range(20)))

    assert status(following, issuer.token(jti="19")) == REVOKED


def test_goes_on_with_what_it_knows_until_the_lag_is_too_great(following, issuer, feed, clock):
    good, bad = issuer.token(jti="good"), issuer.token()
    feed.revoke("jti:a-1")
    assert status(following, good) == (200, "")

    feed.fall_silent()
    feed.wait_for_polls(1)
    clock.travel(59)
    assert (status(following, good), status(following, bad)) == ((200, ""), REVOKED)

    clock.travel(2)
    assert (status(following, good), status(following, bad)) == (UNKNOWN, UNKNOWN)

    feed.come_back()
    feed.wait_for_polls()
    assert (status(following, good), status(following, bad)) == ((200, ""), REVOKED)


def test_passes_nothing_when_the_feed_never_answered(following, issuer, feed):
    feed.fall_silent()

    assert status(following, issuer.token()) == UNKNOWN


def test_passes_nothing_when_the_issuer_has_no_feed(following, issuer):
    del issuer.metadata["revocation_feed_endpoint"]

    assert status(following, issuer.token()) == UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"after": 3},
        {"cursor": 0, "revoked": [["A" * 22, 1]]},
        {"last": False},
        {"iat": 1},
        {"iat": 2_000_000_000},
    ],
    ids=str,
)
def test_a_page_that_does_not_fit_is_no_news(following, issuer, feed, changes):
    feed.changes = changes

    assert status(following, issuer.token()) == UNKNOWN


def test_a_forged_page_is_no_news(following, issuer, feed):
    feed.key = generate_key("ES256")

    assert status(following, issuer.token()) == UNKNOWN


def test_an_access_token_is_no_page(following, issuer, feed):
    feed.typ = "at+jwt"

    assert status(following, issuer.token()) == UNKNOWN


def test_a_page_is_no_access_token(following, issuer, feed):
    page = sign_jwt(issuer.claims(), issuer.key, typ=TYP)

    assert status(following, page) == (401, "wrong_type")


@pytest.mark.parametrize("body", [b"", b"{}", b"a.b.c", b"\xff\xfe", b"x" * 300_000])
def test_what_is_no_page_at_all_is_no_news(following, issuer, feed, body):
    issuer.server.on("/revocations", Reply(body=body))

    assert status(following, issuer.token()) == UNKNOWN


def test_keeps_what_it_knows_when_the_issuer_starts_over(following, issuer, feed):
    feed.revoke("jti:a-1", "jti:b", "jti:c")
    assert status(following, issuer.token()) == REVOKED

    feed.listed = feed.listed[1:2]  # the database was put back from a copy
    feed.revoke("jti:d")
    feed.wait_for_polls(3)

    assert status(following, issuer.token()) == REVOKED
    assert status(following, issuer.token(jti="d")) == REVOKED


def test_follows_the_signing_key_when_it_changes(following, issuer, feed, clock):
    assert status(following, issuer.token()) == (200, "")
    issuer.key = feed.key = generate_key("EdDSA")
    issuer.published.append(issuer.key)
    clock.travel(31)  # past the key set's cooldown
    feed.revoke("jti:a-1")
    feed.wait_for_polls()

    assert status(following, issuer.token()) == REVOKED


def test_forgets_what_expired(following, issuer, feed, clock):
    feed.revoke("jti:old")
    assert status(following, issuer.token()) == (200, "")
    clock.travel(4000)
    feed.wait_for_polls(3)

    assert following._revocations._follower.get().revoked == {}


def test_asks_nothing_until_the_first_request_and_nothing_after_close(make_guard, issuer, feed):
    guard = make_guard(follow_revocations=True, revocation_poll_seconds=POLL)
    assert feed.polls == 0
    guard.verify_sync(bearer(issuer.token()))

    guard.close()
    time.sleep(2 * POLL)
    asked = feed.polls
    time.sleep(3 * POLL)

    assert feed.polls == asked
    assert status(guard, issuer.token()) == (200, "")
    guard.close()


def test_a_guard_that_nobody_holds_stops_asking(make_guard, issuer, feed):
    guard = make_guard(follow_revocations=True, revocation_poll_seconds=POLL)
    guard.verify_sync(bearer(issuer.token()))

    del guard
    gc.collect()
    time.sleep(2 * POLL)
    asked = feed.polls
    time.sleep(3 * POLL)

    assert feed.polls == asked


def test_a_forked_child_follows_by_itself(following, issuer, feed):
    token = issuer.token()
    assert status(following, token) == (200, "")
    feed.revoke("jti:a-1")

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, json.dumps(status(following, token)).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert tuple(json.loads(os.read(read, 1000))) == REVOKED
    os.close(read)
    os.close(write)


def test_many_threads_start_one_follower(make_guard, issuer, feed):
    guard = make_guard(follow_revocations=True, revocation_poll_seconds=POLL)
    token, seen = issuer.token(), []
    threads = [threading.Thread(target=lambda: seen.append(status(guard, token))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [(200, "")] * 8
    names = [thread.name for thread in threading.enumerate()]
    guard.close()
    assert names.count("tokenbooth-feed") == 1


@pytest.mark.parametrize(
    "options",
    [
        {"revocation_max_lag": 1},
        {"revocation_poll_seconds": 0},
        {"revocation_poll_seconds": 60},
    ],
    ids=str,
)
def test_refuses_settings_that_cannot_work(make_guard, options):
    with pytest.raises(ValueError, match="revocation_max_lag"):
        make_guard(follow_revocations=True, **options)


def test_a_reason_why_nothing_passes_is_in_the_log(following, issuer, feed, caplog):
    feed.fall_silent(status=404)
    status(following, issuer.token())

    assert "revocations_unknown (The feed's place answered 404.)" in caplog.text
