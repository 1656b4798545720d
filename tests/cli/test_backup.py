"""Backups: made while the service runs, and restored to a new database."""

import gzip
import shutil

import pytest


@pytest.fixture
def filled(tokenbooth, tmp_path):
    tokenbooth("apis", "create", "persons", "--audience", "https://p.example", "--scopes", "read")
    made = tokenbooth("clients", "create", "--id", "ada", "--api", "persons", "--json")
    assert made.code == 0, made.err
    return tmp_path


@pytest.fixture
def file(filled, tokenbooth):
    done = tokenbooth("backup", str(filled / "copy.gz"), "--json")
    assert done.code == 0, done.err
    assert done.data["rows"] > 5
    return filled / "copy.gz"


def test_a_restored_database_is_the_one_that_was_saved(tokenbooth, file, tmp_path):
    url = f"sqlite:///{tmp_path}/again.db"
    before = tokenbooth("clients", "show", "ada", "--json").data
    shutil.copy(tmp_path / "booth.db.key", tmp_path / "again.db.key")

    done = tokenbooth("restore", str(file), "--database", url, "--json")

    assert (done.code, done.data["master_key_fits"]) == (0, True), done.err
    assert tokenbooth("clients", "show", "ada", "--json", "--database", url).data == before
    assert tokenbooth("audit", "verify", "--database", url).code == 0


def test_only_its_owner_can_read_a_backup(file):
    assert file.stat().st_mode & 0o777 == 0o600


def test_overwrites_no_file_and_no_database(tokenbooth, file):
    again = tokenbooth("backup", str(file))
    assert (again.code, "already" in again.err) == (7, True)

    full = tokenbooth("restore", str(file))
    assert (full.code, "not empty" in full.err) == (1, True)


def test_says_when_the_master_key_is_another(tokenbooth, file, tmp_path):
    done = tokenbooth("restore", str(file), "--database", f"sqlite:///{tmp_path}/other.db")

    assert done.code == 0
    assert "cannot start yet" in done.err
    assert "master key" in done.err


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_refuses_a_file_that_was_cut_off(tokenbooth, file, tmp_path, kept):
    cut = tmp_path / "cut.gz"
    cut.write_bytes(file.read_bytes()[:kept])

    done = tokenbooth("restore", str(cut), "--database", f"sqlite:///{tmp_path}/cut.db")

    assert done.code == 1
    assert "backup" in done.err


def test_refuses_a_file_that_is_something_else(tokenbooth, filled):
    other = filled / "other.gz"
    other.write_bytes(gzip.compress(b'{"hello": 1}\n'))

    done = tokenbooth("restore", str(other), "--database", f"sqlite:///{filled}/new.db")

    assert (done.code, "no backup of Tokenbooth" in done.err) == (1, True)


def test_backs_up_no_database_that_is_not_there(tokenbooth, tmp_path):
    done = tokenbooth(
        "backup", str(tmp_path / "x.gz"), "--database", f"sqlite:///{tmp_path}/none.db"
    )

    assert (done.code, "There is no database" in done.err) == (1, True)
    assert not (tmp_path / "x.gz").exists()
