"""The master key and what is sealed under it."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.server.vault import (
    Vault,
    VaultError,
    open_vault,
    read_master_keys,
    replace_master_keys,
)

VAULT = Vault(b"m" * 32)


@given(st.text(), st.binary())
def test_opens_what_it_sealed(label, value):
    assert VAULT.unseal(label, VAULT.seal(label, value)) == value


def test_a_value_opens_under_its_own_label_alone():
    sealed = VAULT.seal("default/key1", b"private")

    with pytest.raises(VaultError, match="damaged"):
        VAULT.unseal("default/key2", sealed)


def test_a_change_of_any_byte_is_refused():
    sealed = VAULT.seal("label", b"private")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(VaultError):
            VAULT.unseal("label", bytes(changed))


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_with_a_text(sealed):
    with pytest.raises(VaultError):
        VAULT.unseal("label", sealed)


def test_another_master_key_is_named_as_the_reason():
    sealed = VAULT.seal("label", b"private")

    with pytest.raises(VaultError, match="another master key"):
        Vault(b"n" * 32).unseal("label", sealed)


def test_equal_values_are_sealed_differently():
    assert VAULT.seal("label", b"private") != VAULT.seal("label", b"private")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_refuses_a_master_key_of_a_wrong_length(length):
    with pytest.raises(VaultError, match="32 bytes"):
        Vault(b"m" * length)


def test_makes_a_key_file_that_its_owner_alone_can_read(tmp_path):
    file = tmp_path / "booth.key"

    sealed = open_vault(file, create=True).seal("label", b"private")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert open_vault(file, create=True).unseal("label", sealed) == b"private"
    assert list(tmp_path.iterdir()) == [file]


def test_never_makes_a_key_beside_a_database_that_has_another(tmp_path):
    with pytest.raises(VaultError, match="missing; restore it"):
        open_vault(tmp_path / "booth.key", create=False)


@pytest.mark.parametrize("content", [b"", b"xyz", b"\xff\xfe", b"00" * 31, b"00" * 33])
def test_says_what_is_wrong_with_a_key_file(tmp_path, content):
    file = tmp_path / "booth.key"
    file.write_bytes(content)

    with pytest.raises(VaultError):
        open_vault(file, create=True)


def test_says_when_the_key_file_is_a_folder(tmp_path):
    with pytest.raises(VaultError, match="cannot be read"):
        open_vault(tmp_path, create=True)


def test_says_when_the_key_file_cannot_be_made(tmp_path):
    with pytest.raises(VaultError, match=r"Cannot make the master key file .*No such file"):
        open_vault(tmp_path / "nowhere" / "booth.key", create=True)


def test_the_first_master_key_seals_and_all_of_them_open():
    old, new = Vault(b"o" * 32), Vault(b"n" * 32, b"o" * 32)

    assert new.unseal("label", old.seal("label", b"private")) == b"private"
    with pytest.raises(VaultError, match="another master key"):
        old.unseal("label", new.seal("label", b"private"))
    assert new.seals_like(new.seal("label", b""))
    assert not new.seals_like(old.seal("label", b""))


def test_a_new_master_key_is_read_when_a_value_needs_it(tmp_path):
    file = tmp_path / "key"
    running = open_vault(file, create=True)
    before = running.seal("label", b"before")
    replace_master_keys(file, [b"n" * 32, *read_master_keys(file)])
    after = open_vault(file, create=False).seal("label", b"after")

    assert running.unseal("label", after) == b"after"
    assert running.unseal("label", before) == b"before"
    assert running.seals_like(after)
    assert not running.seals_like(before)


def test_a_known_value_opens_although_the_key_file_has_gone(tmp_path):
    file = tmp_path / "key"
    running = open_vault(file, create=True)
    sealed = running.seal("label", b"private")
    file.unlink()

    assert running.unseal("label", sealed) == b"private"
    with pytest.raises(VaultError, match="another master key"):
        running.unseal("label", Vault(b"x" * 32).seal("label", b"private"))


def test_replaced_master_keys_belong_to_whom_the_file_belonged(tmp_path):
    file = tmp_path / "key"
    open_vault(file, create=True)

    replace_master_keys(file, [b"a" * 32, b"b" * 32])

    assert read_master_keys(file) == (b"a" * 32, b"b" * 32)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
