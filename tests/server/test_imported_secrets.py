"""Clients that were imported with the hash of another system go on using their old secret."""

import asyncio

import pytest

from tests.server.booths import running
from tokenbooth.protocol.secret import Secret
from tokenbooth.server import imported_secrets
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.records import Credential

OLD = Secret("an-old-secret-from-elsewhere")
WRONG = Secret("not-the-old-secret")


def hashed(secret, scheme="bcrypt"):
    import bcrypt

    if scheme == "bcrypt":
        return bcrypt.hashpw(secret.reveal().encode(), bcrypt.gensalt(4)).decode()
    import base64
    import hashlib

    key = hashlib.pbkdf2_hmac("sha256", secret.reveal().encode(), b"salt", 1000, 32)
    return "$pbkdf2-sha256$i=1000,l=32$c2FsdA$" + base64.b64encode(key).decode().rstrip("=")


async def imported(town, data=None, *, credential_id="imported0001", client=True, **changes):
    if client:
        await town.add_client("ada", **changes)
    await town.store.add_credential(
        Credential(
            id=credential_id,
            issuer="default",
            client_id="ada",
            kind="secret",
            data=data or hashed(OLD),
            created_at=town.clock.now(),
        )
    )
    await town.registry.refresh()


async def stored(town, credential_id="imported0001"):
    registered = await town.store.get_client("default", "ada")
    return next(each for each in registered.credentials if each.id == credential_id)


async def settled(town):
    await asyncio.gather(*town.service.imported_secrets._replacing)


@pytest.mark.parametrize("scheme", ["bcrypt", "pbkdf2"])
async def test_an_imported_client_gets_a_token_with_its_old_secret(town, scheme):
    await imported(town, hashed(OLD, scheme))

    answer = await town.token(OLD)

    assert answer.status_code == 200
    assert (await town.token(WRONG)).json()["error"] == "invalid_client"


async def test_after_its_first_use_the_own_digest_takes_the_place_of_the_old_hash(town):
    await imported(town)

    await town.token(OLD)
    await settled(town)
    await town.registry.refresh()

    assert (await stored(town)).data == town.booth.secrets.digest(OLD)
    assert town.registry.remembered("default", "ada") is None
    assert (await town.token(OLD)).status_code == 200
    assert town.registry.remembered("default", "ada").imported == ()
    assert (await town.token(WRONG)).status_code == 401


async def test_the_audit_trail_tells_that_the_hash_was_replaced(town):
    await imported(town)

    await town.token(OLD)
    await settled(town)

    asked = EventFilter(client_id="ada", type="credential_changed")
    (entry,) = await town.store.list_events(asked)
    assert entry.event.subject == "imported0001"
    assert entry.event.details == {"old_hash": "bcrypt"}
    assert OLD.reveal() not in str(entry)


async def test_a_credential_that_was_removed_meanwhile_does_not_come_back(town):
    await imported(town)
    known = await town.registry.client("default", "ada")
    await town.store.delete_credential("default", "ada", "imported0001")

    town.service.imported_secrets.replace(known.imported[0].credential, known.client, OLD)
    await settled(town)

    registered = await town.store.get_client("default", "ada")
    assert "imported0001" not in [each.id for each in registered.credentials]


async def test_a_wrong_secret_leaves_the_hash_as_it_is(town):
    data = hashed(OLD)
    await imported(town, data)

    await town.token(WRONG)
    await settled(town)

    assert (await stored(town)).data == data


async def test_a_disabled_client_with_its_old_secret_is_refused_like_anybody(town):
    await imported(town, enabled=False)

    refused, wrong = await town.token(OLD), await town.token(WRONG)

    assert refused.status_code == 401
    assert refused.content == wrong.content


async def test_guesses_at_an_old_secret_use_up_the_budget_of_failures(town):
    await imported(town)

    answers = [(await town.token(Secret(f"guess-{number}"))).status_code for number in range(25)]

    assert 429 in answers
    assert (await town.token(OLD)).status_code == 429


async def test_many_requests_at_once_pay_for_one_check(town, monkeypatch):
    await imported(town)
    known = await town.registry.client("default", "ada")
    checks = []
    usual = type(known.imported[0].hash).matches

    def counted(self, text):
        checks.append(text)
        return usual(self, text)

    monkeypatch.setattr(type(known.imported[0].hash), "matches", counted)
    answers = await asyncio.gather(*(town.token(OLD) for _ in range(30)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(checks) <= 2  # as many as there are threads


async def test_who_comes_behind_too_many_others_is_asked_to_wait(town, monkeypatch):
    await imported(town)
    monkeypatch.setattr(imported_secrets, "_MOST_WAITING", 0)

    answer = await town.token(OLD)

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_a_secret_of_the_service_s_own_form_is_never_checked_slowly(town, monkeypatch):
    await imported(town)
    own = town.booth.secrets.make(town.issuer().record.tag, "credential01")
    monkeypatch.setattr(imported_secrets, "_MOST_WAITING", 0)

    assert (await town.token(own)).status_code == 401


async def test_a_hash_that_cannot_be_read_matches_nothing_and_harms_nobody(town):
    secret = await town.add_client("ada")
    await imported(town, "md5:0011", client=False)

    assert (await town.token(secret)).status_code == 200
    assert (await town.token(Secret("md5:0011"))).status_code == 401


async def test_each_of_several_imported_secrets_works(town):
    await imported(town)
    other = Secret("the-second-old-secret")
    await imported(town, hashed(other), credential_id="imported0002", client=False)

    assert (await town.token(OLD)).status_code == 200
    assert (await town.token(other)).status_code == 200
    await settled(town)
    assert (await stored(town, "imported0002")).data == town.booth.secrets.digest(other)


async def test_what_was_learned_is_written_before_the_service_ends(settings, clock):
    async with running(settings, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        await imported(town)
        await town.token(OLD)
        digest = town.booth.secrets.digest(OLD)
    async with running(settings, clock) as town:
        assert (await stored(town)).data == digest
