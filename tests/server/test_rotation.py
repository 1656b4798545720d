"""Whatever happens to an issuer's keys, one is in use and no token outlives its key."""

from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from tokenbooth.server.records import Issuer, IssuerPolicy, StoredKey
from tokenbooth.server.rotation import (
    DAY,
    KEPT_LONGER,
    ROW_KEPT_LONGER,
    Schedule,
    current_key,
    due,
    hasten,
    is_needed,
    next_keys,
    schedule_of,
    settle,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
SCHEDULE = Schedule(
    purpose="sign", alg="ES256", lifetime=90 * DAY, publish_ahead=DAY, kept=2 * HOUR
)

_numbers = count()


def key(activates_at=NOW, **changes):
    filled = {
        "kid": f"key{next(_numbers)}",
        "issuer": "default",
        "purpose": "sign",
        "alg": "ES256",
        "sealed": b"",
        "created_at": activates_at,
        "activates_at": activates_at,
    }
    return StoredKey(**filled | changes)


def kept(keys, schedule, now):
    """What the keeper does: make what is due, then settle."""
    wanted = due(keys, schedule, now)
    made = () if wanted is None else (key(wanted.activates_at, alg=wanted.alg, created_at=now),)
    return settle((*keys, *made), schedule, now)


def is_published(each, now):
    return each.expires_at is None or now < each.expires_at


def test_an_issuer_without_keys_gets_one_at_once():
    assert due((), SCHEDULE, NOW).activates_at == NOW


def test_a_young_key_has_no_successor():
    assert due([key()], SCHEDULE, NOW + 88 * DAY) is None


def test_the_successor_is_made_ahead_and_takes_over_when_the_key_is_old():
    first = key()

    assert due([first], SCHEDULE, NOW + 89 * DAY - 1) is None
    wanted = due([first], SCHEDULE, NOW + 89 * DAY)

    assert (wanted.activates_at, wanted.alg, wanted.like) == (NOW + 90 * DAY, "ES256", first)


def test_one_successor_is_enough():
    assert due([key(), key(NOW + 90 * DAY)], SCHEDULE, NOW + 89.5 * DAY) is None


def test_a_service_that_slept_publishes_the_successor_ahead_all_the_same():
    wanted = due([key()], SCHEDULE, NOW + 200 * DAY)

    assert wanted.activates_at == NOW + 201 * DAY


def test_another_algorithm_is_published_ahead_too():
    wanted = due([key()], replace(SCHEDULE, alg="EdDSA"), NOW + DAY)

    assert (wanted.alg, wanted.activates_at) == ("EdDSA", NOW + 2 * DAY)


def test_a_key_retires_when_its_successor_takes_over_and_expires_after_its_last_token():
    first, second = settle([key(), key(NOW + DAY)], SCHEDULE, NOW)

    assert (first.retires_at, first.expires_at) == (NOW + DAY, NOW + DAY + 2 * HOUR)
    assert (second.retires_at, second.expires_at) == (None, None)


def test_a_successor_that_is_taken_back_leaves_the_key_in_use():
    first, _ = settle([key(), key(NOW + DAY)], SCHEDULE, NOW)

    assert settle([first], SCHEDULE, NOW) == (replace(first, retires_at=None, expires_at=None),)


def test_the_next_key_stands_in_for_a_removed_one_at_once():
    (only,) = settle([key(NOW + DAY)], SCHEDULE, NOW)

    assert only.activates_at == NOW
    assert current_key([only], NOW) == only


def test_a_retired_key_never_comes_back():
    retired = key(NOW - DAY, retires_at=NOW - HOUR, expires_at=NOW + HOUR)

    assert settle([retired], SCHEDULE, NOW)[0].retires_at == NOW - HOUR
    assert due([retired], SCHEDULE, NOW).activates_at == NOW


def test_a_longer_token_lifetime_keeps_retired_keys_longer_and_a_shorter_one_not_shorter():
    retired = key(NOW - DAY, retires_at=NOW - HOUR, expires_at=NOW + HOUR)

    (longer,) = settle([retired], replace(SCHEDULE, kept=5 * HOUR), NOW)
    (shorter,) = settle([retired], replace(SCHEDULE, kept=HOUR + 1), NOW)

    assert longer.expires_at == NOW + 4 * HOUR
    assert shorter.expires_at == NOW + HOUR


def test_the_row_of_an_expired_key_is_dropped_a_day_later():
    expired = key(NOW - DAY, retires_at=NOW - 3 * HOUR, expires_at=NOW - HOUR)
    keys = [expired, key()]

    assert len(settle(keys, SCHEDULE, NOW)) == 2
    assert len(settle(keys, SCHEDULE, NOW - HOUR + ROW_KEPT_LONGER)) == 1


def test_what_has_been_used_is_needed_until_it_expires():
    retired = key(NOW - DAY, retires_at=NOW - HOUR, expires_at=NOW + HOUR)

    assert is_needed(key(), NOW)
    assert is_needed(retired, NOW)
    assert not is_needed(retired, NOW + HOUR)
    assert not is_needed(key(NOW + 1), NOW)


def test_the_schedule_follows_the_issuer_and_its_longest_tokens():
    policy = IssuerPolicy(key_lifetime_days=30, key_publish_ahead=7200)
    issuer = Issuer(
        name="default", tag="abc", alg="PS256", token_lifetime=600, created_at=NOW, policy=policy
    )

    sign = schedule_of(issuer, "sign", None)
    assert (sign.alg, sign.lifetime, sign.publish_ahead) == ("PS256", 30 * DAY, 7200.0)
    assert sign.kept == 600 + KEPT_LONGER
    assert schedule_of(issuer, "sign", 86_400).kept == 86_400 + KEPT_LONGER
    assert schedule_of(issuer, "seal", None).kept == 1800 + KEPT_LONGER


def test_a_key_is_published_for_longer_than_verifiers_cache_unless_told_otherwise():
    dot_net, jose = 12 * HOUR, 600

    assert IssuerPolicy().key_publish_ahead >= 2 * max(dot_net, jose)


class Life:
    """An issuer's keys through all that can happen, looked at whenever something changes."""

    def __init__(self):
        self.now = NOW
        self.schedule = SCHEDULE
        self.keys = ()
        self.tokens = []  # (the name of its key, its end)
        self.removed = set()
        self.first_seen = {}
        self.in_need = set()  # keys that could not be published ahead, or were told not to be
        self.keep(is_in_need=True)

    def keep(self, *, is_in_need=False):
        """What the keeper does on its visit."""
        known = {each.kid for each in self.keys}
        self.keys = kept(self.keys, self.schedule, self.now)
        for each in self.keys:
            self.first_seen.setdefault(each.kid, self.now)
        if is_in_need:
            self.in_need |= {each.kid for each in self.keys if each.kid not in known}

    def look(self, at):
        """Get a token that lives as long as any, and check all that were got before."""
        current = current_key(self.keys, at)
        assert current is not None
        if current.kid not in self.in_need:
            assert at - self.first_seen[current.kid] >= self.schedule.publish_ahead
        self.tokens.append((current.kid, at + self.schedule.kept - KEPT_LONGER))
        published = {each.kid for each in self.keys if is_published(each, at)}
        alive = {kid for kid, end in self.tokens if at < end}
        assert alive <= published | self.removed

    def wait(self, seconds):
        end = self.now + seconds
        for turn in sorted({t for k in self.keys for t in (k.activates_at, k.retires_at) if t}):
            if self.now < turn <= end:
                self.look(turn)
        self.now = end
        self.look(end)

    def change_lifetime(self, seconds):
        self.schedule = replace(self.schedule, kept=seconds + KEPT_LONGER)

    def change_algorithm(self, alg):
        self.schedule = replace(self.schedule, alg=alg)

    def rotate(self, lead):
        moved = tuple(hasten(each, self.now + lead) for each in next_keys(self.keys, self.now))
        moved = moved or (key(self.now + lead, created_at=self.now),)
        self.in_need |= {each.kid for each in moved}
        others = [each for each in self.keys if each.activates_at <= self.now]
        self.keys = settle((*others, *moved), self.schedule, self.now)

    def remove_next(self, _):
        coming = next_keys(self.keys, self.now)
        self.keys = tuple(each for each in self.keys if each not in coming)

    def remove_current(self, _):
        current = current_key(self.keys, self.now)
        self.removed.add(current.kid)
        self.in_need |= {each.kid for each in next_keys(self.keys, self.now)}
        self.keys = tuple(each for each in self.keys if each != current)
        self.keep(is_in_need=True)


EVENTS = st.one_of(
    st.tuples(st.just(Life.wait), st.floats(1.0, 100 * DAY)),
    st.tuples(st.just(Life.change_lifetime), st.floats(60.0, 40 * DAY)),
    st.tuples(st.just(Life.change_algorithm), st.sampled_from(["ES256", "EdDSA"])),
    st.tuples(st.just(Life.rotate), st.floats(0.0, 2 * DAY)),
    st.tuples(st.just(Life.remove_next), st.none()),
    st.tuples(st.just(Life.remove_current), st.none()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_at_any_time_one_key_is_in_use_and_every_tokens_key_is_published(events):
    life = Life()
    for event, value in events:
        life.look(life.now)
        event(life, value)
        life.keep()
        life.look(life.now)
