"""Credentials of a client in the console: add, look, change, remove, rotate."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.console.people import secret_in, value_of, words
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import CredentialUse

pytestmark = pytest.mark.anyio
ACME = "/clients/default/acme-app"
DAY = 86_400


async def _credentials(town, client_id="acme-app"):
    return (await town.store.get_client("default", client_id)).credentials


async def _newest(town, before):
    (made,) = [each for each in await _credentials(town) if each not in before]
    return made


async def _sent(browser, path, **fields):
    """Fill in the form of that page, and send it."""
    page = await browser.get(path)
    return await browser.post(path, {"once": value_of(page, "once")} | fields)


async def test_adds_a_secret_and_shows_it_this_once(member, town, clock):
    before = await _credentials(town)
    made = await _sent(
        member, f"{ACME}/credentials/new", kind="secret", label="Oslo", valid_days="30"
    )

    secret = secret_in(made)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert "Copy the secret now" in words(made)
    assert 'data-leave-to="/console/clients/default/acme-app"' in made.text
    added = await _newest(town, before)
    assert (added.label, added.expires_at) == ("Oslo", clock.now() + 30 * DAY)
    assert added.hint == secret[-4:]
    page = await member.get(ACME)
    assert secret not in page.text
    assert f"Oslo Secret …{secret[-4:]}" in words(page)
    await town.registry.refresh()
    assert (await town.token(Secret(secret), client_id="acme-app")).status_code == 200


async def test_a_form_that_is_sent_again_makes_no_second_secret(member, town):
    once = value_of(await member.get(f"{ACME}/credentials/new"), "once")
    fields = {"once": once, "kind": "secret"}
    await member.post(f"{ACME}/credentials/new", fields)

    again = await member.post(f"{ACME}/credentials/new", fields)

    assert again.status_code == 409
    assert "This form was sent before" in words(again)
    assert len(await _credentials(town)) == 2


@pytest.mark.parametrize("once", ["", "short", "a" * 65, "a" * 22 + "/"])
async def test_refuses_a_form_without_its_mark(member, town, once):
    answer = await member.post(f"{ACME}/credentials/new", once=once, kind="secret")

    assert answer.status_code == 422
    assert "load the page again" in words(answer)
    assert len(await _credentials(town)) == 1


async def test_adds_a_public_key(member, town):
    before = await _credentials(town)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    answer = await _sent(member, f"{ACME}/credentials/new", kind="key", pasted=pem.decode())

    assert "Added: " in words(await member.follow(answer))
    added = await _newest(town, before)
    assert added.kind == "jwk"
    assert json.loads(added.data)["jwk"]["kty"] == "EC"


async def test_tells_whoever_pastes_a_private_key_to_make_another(member, town):
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    answer = await _sent(member, f"{ACME}/credentials/new", kind="key", pasted=pem)

    assert answer.status_code == 422
    assert "Make another pair" in words(answer)
    assert "PRIVATE KEY" not in answer.text
    assert len(await _credentials(town)) == 1


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"kind": "key", "pasted": "nonsense"}, "Give a JWK, a JWKS or a PEM key"),
        ({"kind": "certificate", "pasted": "nonsense"}, ""),
        ({"kind": "spell"}, "Choose a secret, a public key or a certificate"),
        ({"valid_days": "soon"}, "The validity is a number of days"),
        ({"valid_days": "0"}, "valid for more than 0 seconds"),
        ({"valid_days": "99999"}, "at most 100 years"),
        ({"label": "x" * 201}, "The label is one line"),
    ],
)
async def test_says_what_is_wrong_with_a_new_credential(member, town, wrong, text):
    answer = await _sent(member, f"{ACME}/credentials/new", **({"label": "Kept"} | wrong))

    assert answer.status_code == 422
    assert text in words(answer)
    assert value_of(answer, "label") == wrong.get("label", "Kept")
    assert len(await _credentials(town)) == 1


async def _changed(browser, credential, **fields):
    path = f"{ACME}/credentials/{credential.id}"
    page = await browser.get(path)
    names = ("version", "until_before", "until", "label")
    return await browser.post(
        f"{path}/change", {name: value_of(page, name) for name in names} | fields
    )


async def test_gives_a_credential_an_end_and_takes_it_away(member, town):
    (one,) = await _credentials(town)

    answer = await _changed(member, one, label="Oslo", until="2030-01-31T12:30")
    assert "The credential is changed." in words(await member.follow(answer))
    (ending,) = await _credentials(town)
    assert (ending.label, ending.expires_at) == ("Oslo", 1_896_093_000.0)

    await _changed(member, one, until="")
    (endless,) = await _credentials(town)
    assert (endless.label, endless.expires_at) == ("Oslo", None)


async def test_a_new_label_leaves_the_very_second_of_its_end(member, town, clock):
    await town.store.delete_credential("default", "acme-app", (await _credentials(town))[0].id)
    await town.add_secret("acme-app", expires_at=clock.now() + DAY + 12.5)
    (one,) = await _credentials(town)

    await _changed(member, one, label="Oslo")

    (changed,) = await _credentials(town)
    assert (changed.label, changed.expires_at) == ("Oslo", clock.now() + DAY + 12.5)


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"until": "tomorrow"}, 422, "The end is a day and a time"),
        ({"until": "2001-01-01T00:00"}, 422, "ends in the future"),
        ({"label": "x" * 201}, 422, "The label is one line"),
        ({"version": "0" * 32}, 409, "Somebody else changed it meanwhile"),
    ],
)
async def test_says_what_is_wrong_with_a_change(member, town, wrong, status, text):
    before = await _credentials(town)

    answer = await _changed(member, before[0], **({"label": "Kept"} | wrong))

    assert answer.status_code == status
    assert text in words(answer)
    assert value_of(answer, "label") == wrong.get("label", "Kept")
    assert await _credentials(town) == before


async def test_removes_a_credential_and_ends_its_tokens(member, town):
    (one,) = await _credentials(town)
    before = await _credentials(town)
    secret = await town.add_secret("acme-app")
    two = await _newest(town, before)
    await town.registry.refresh()
    token = (await town.token(secret, client_id="acme-app")).json()["access_token"]
    path = f"{ACME}/credentials/{two.id}"
    assert "last valid credential" not in words(await member.get(path))

    said = await member.follow(await member.post(f"{path}/remove", revoke_tokens="yes"))

    assert "The credential is removed." in words(said)
    assert await _credentials(town) == (one,)
    assert "last valid credential" in words(await member.get(f"{ACME}/credentials/{one.id}"))
    found = await town.store.find_revoked("default", [f"credential:{two.id}"])
    assert set(found) == {f"credential:{two.id}"}, token


async def test_ends_the_tokens_of_a_credential_and_keeps_it(member, town):
    before = await _credentials(town)
    secret = await town.add_secret("acme-app")
    two = await _newest(town, before)
    await town.registry.refresh()
    token = (await town.token(secret, client_id="acme-app")).json()["access_token"]

    said = await member.follow(await member.post(f"{ACME}/credentials/{two.id}/revoke"))

    assert "has ended. It can get new ones." in words(said)
    asked = await town.introspect(secret, token, client_id="acme-app")
    assert asked.json() == {"active": False}


async def _rotated(browser, **fields):
    values = {"overlap": "3", "overlap_unit": "days", "label": "New one"}
    return await _sent(browser, f"{ACME}/rotate", **(values | fields))


async def test_rotates_a_secret_with_an_overlap(member, town, clock):
    (old,) = await _credentials(town)
    clock.travel(1)

    made = await _rotated(member)

    assert "The new secret" in words(made)
    assert "The old secret works until " in words(made)
    secret = secret_in(made)
    ended, new = await _credentials(town)
    assert (ended.id, ended.expires_at, ended.replaced_by) == (
        old.id,
        clock.now() + 3 * DAY,
        new.id,
    )
    page = await member.get(ACME)
    assert "A rotation is under way not finished" in words(page)
    assert "Nobody has used the new secret yet." in words(page)
    assert f"New: …{secret[-4:]} New one" in words(page)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"overlap": "long"}, "The overlap is a number"),
        ({"overlap": ""}, "The overlap is a number"),
        ({"overlap_unit": "years"}, "The overlap is in hours or days"),
        ({"overlap": "999999"}, "0 seconds to 100 years"),
    ],
)
async def test_says_what_is_wrong_with_an_overlap(member, town, wrong, text):
    answer = await _rotated(member, **wrong)

    assert answer.status_code == 422
    assert text in words(answer)
    assert value_of(answer, "label") == "New one"
    assert len(await _credentials(town)) == 1


async def test_an_overlap_of_nothing_ends_the_old_secret_at_once(member, town):
    made = await _rotated(member, overlap="0")

    assert "The old secret has ended: whoever still uses it is refused" in words(made)
    assert "expired" in words(await member.get(ACME))


async def test_a_rotation_without_an_old_secret_ends_none(member, town):
    (one,) = await _credentials(town)
    await town.store.delete_credential("default", "acme-app", one.id)

    made = await _rotated(member)

    assert secret_in(made)
    assert "The old secret works until" not in words(made)


async def test_finishes_a_rotation_once_it_is_safe_or_if_one_insists(member, town, clock):
    (old,) = await _credentials(town)
    clock.travel(1)
    await _rotated(member)
    (_, new) = await _credentials(town)

    early = await member.post(f"{ACME}/rotation/finish")
    assert early.status_code == 409
    assert "Nobody has used the new secret yet." in words(early)

    use = CredentialUse(
        issuer="default",
        client_id="acme-app",
        credential_id=new.id,
        at=clock.now(),
        source="192.0.2.18",
        agent="curl/8.5.0",
    )
    await town.store.record_uses([use])
    page = await member.get(ACME)
    assert "safe to finish" in words(page)
    assert "192.0.2.18 curl/8.5.0" in words(page)
    done = words(await member.follow(await member.post(f"{ACME}/rotation/finish")))
    assert "The rotation is finished" in done
    assert [each.id for each in await _credentials(town)] == [new.id]
    assert old.id != new.id


async def test_removes_the_old_secret_all_the_same_when_told_to(member, town):
    await _rotated(member)

    assert 'name="force" value="yes"' in (await member.get(ACME)).text
    answer = await member.post(f"{ACME}/rotation/finish", force="yes")

    assert answer.status_code == 303
    assert [each.label for each in await _credentials(town)] == ["New one"]


async def test_cancels_a_rotation(member, town):
    (old,) = await _credentials(town)
    await _rotated(member)

    said = words(await member.follow(await member.post(f"{ACME}/rotation/cancel")))

    assert "The rotation is cancelled" in said
    assert await _credentials(town) == (old,)
    assert "A rotation is under way" not in said


async def test_nothing_is_done_to_the_credentials_of_others(stranger, town):
    before = await _credentials(town)
    one = f"{ACME}/credentials/{before[0].id}"
    fields = {"once": "a" * 22, "kind": "secret", "overlap": "1", "overlap_unit": "days"}
    for path in (one, f"{ACME}/credentials/new", f"{ACME}/rotate"):
        assert (await stranger.get(path)).status_code == 404
    for path in (
        f"{one}/change",
        f"{one}/remove",
        f"{one}/revoke",
        f"{ACME}/credentials/new",
        f"{ACME}/rotate",
        f"{ACME}/rotation/finish",
        f"{ACME}/rotation/cancel",
    ):
        assert (await stranger.post(path, fields)).status_code == 404, path
    assert await _credentials(town) == before


async def test_refuses_forms_of_other_sites_sessions_and_roles(member, town):
    before = await _credentials(town)
    one = f"{ACME}/credentials/{before[0].id}"
    reader = await town.sign_in("reader")
    assert "Remove" not in words(await reader.get(one))
    for path in (
        f"{one}/change",
        f"{one}/remove",
        f"{one}/revoke",
        f"{ACME}/credentials/new",
        f"{ACME}/rotate",
        f"{ACME}/rotation/finish",
        f"{ACME}/rotation/cancel",
    ):
        assert (await reader.post(path)).status_code == 403
        assert (await member.post(path, csrf="0" * 64)).status_code == 403
        assert (
            await member.post(path, headers={"Origin": "https://evil.example"})
        ).status_code == 403
    assert await _credentials(town) == before
