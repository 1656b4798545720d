"""Keys are published ahead of use, sign while current, and verify after they retired."""

import json
from dataclasses import replace

import pytest

from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.server.keyring import FOREVER, Keyring, new_sealing_key, new_signing_key
from tokenbooth.server.vault import Vault, VaultError

NOW = 1_800_000_000.0
DAY = 86_400.0
VAULT = Vault(b"m" * 32)


def signing(activates_at=NOW, **changes):
    key = new_signing_key("default", "EdDSA", VAULT, now=NOW, activates_at=activates_at)
    return replace(key, **changes)


def as_of(now, *stored):
    return Keyring(VAULT).as_of(now, "default", stored)


def test_a_next_key_is_published_but_does_not_sign():
    current, following = signing(), signing(NOW + DAY)

    keys = as_of(NOW, current, following)

    assert keys.signing.public.kid == current.kid
    assert {key.kid for key in keys.published} == {current.kid, following.kid}
    assert keys.stale_at == NOW + DAY


def test_a_next_key_signs_from_its_time_on():
    current, following = signing(), signing(NOW + DAY)

    assert as_of(NOW + DAY - 0.001, current, following).signing.public.kid == current.kid
    assert as_of(NOW + DAY, current, following).signing.public.kid == following.kid


def test_a_retired_key_is_published_until_it_expires():
    current = signing()
    retired = signing(NOW - DAY, retires_at=NOW, expires_at=NOW + DAY)

    keys = as_of(NOW, current, retired)

    assert keys.signing.public.kid == current.kid
    assert keys.verification(retired.kid, "EdDSA") is not None
    assert keys.stale_at == NOW + DAY
    assert as_of(NOW + DAY, current, retired).verification(retired.kid, "EdDSA") is None


def test_nothing_signs_when_every_key_is_retired():
    keys = as_of(NOW, signing(NOW - DAY, retires_at=NOW))

    assert keys.signing is None
    assert len(keys.published) == 1


def test_every_turning_point_ahead_is_noticed_in_its_turn():
    key = signing(NOW + 10, retires_at=NOW + 20, expires_at=NOW + 30)

    moments = [as_of(now, key).stale_at for now in (NOW, NOW + 10, NOW + 20, NOW + 30)]

    assert moments == [NOW + 10, NOW + 20, NOW + 30, FOREVER]


def test_one_name_under_another_algorithm_is_no_key():
    current = signing()

    assert as_of(NOW, current).verification(current.kid, "ES256") is None
    assert as_of(NOW, current).verification(None, "EdDSA") is None


def test_the_key_set_holds_public_members_alone():
    for alg in ("ES256", "EdDSA", "PS256", "RS256"):
        key = new_signing_key("default", alg, VAULT, now=NOW, activates_at=NOW)

        (jwk,) = json.loads(as_of(NOW, key).jwks)["keys"]

        assert jwk["use"] == "sig"
        assert (jwk["kid"], jwk["alg"]) == (key.kid, alg)
        assert set(jwk) <= {"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}


def test_sealing_keys_are_not_published():
    keys = as_of(NOW, signing(), new_sealing_key("default", VAULT, now=NOW))

    assert len(json.loads(keys.jwks)["keys"]) == 1
    assert len(keys.opening) == 1


def test_an_older_sealing_key_still_opens():
    older = new_sealing_key("default", VAULT, now=NOW - DAY)
    newer = new_sealing_key("default", VAULT, now=NOW)

    keys = as_of(NOW, older, newer)

    assert keys.sealing.kid == newer.kid
    assert {key.kid for key in keys.opening} == {older.kid, newer.kid}


def test_keys_of_other_issuers_are_not_this_issuers():
    assert Keyring(VAULT).as_of(NOW, "sandbox", [signing()]).published == ()


def test_a_key_moved_to_another_issuer_does_not_open():
    moved = replace(signing(), issuer="sandbox")

    with pytest.raises(VaultError):
        Keyring(VAULT).as_of(NOW, "sandbox", [moved])


def test_another_master_key_opens_no_key():
    with pytest.raises(VaultError, match="another master key"):
        Keyring(Vault(b"n" * 32)).as_of(NOW, "default", [signing()])


def test_no_key_is_made_for_a_foreign_algorithm():
    with pytest.raises(KeyRefused):
        new_signing_key("default", "HS256", VAULT, now=NOW, activates_at=NOW)
