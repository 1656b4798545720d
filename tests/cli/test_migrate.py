"""Tables are brought up to date apart from the start of the service, or only looked at."""

from contextlib import closing

import pytest
from pysqlite3 import dbapi2 as sqlite

from tokenbooth.server.stores.schema import HEAD

pytestmark = pytest.mark.usefixtures("no_booth")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "booth.db"


def pretend(file, revision):
    with closing(sqlite.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()


def test_check_says_what_is_missing_and_makes_nothing(tokenbooth, file):
    looked = tokenbooth("migrate", "--check", "--json")

    assert looked.code == 1
    assert looked.data == {"revision": None, "newest": HEAD, "up_to_date": False}
    assert "run: tokenbooth migrate" in looked.error["message"]
    assert not file.exists()


def test_makes_the_tables_once(tokenbooth):
    first = tokenbooth("migrate", "--json")
    again = tokenbooth("migrate", "--json")

    assert (first.code, first.data) == (0, {"revision": HEAD, "before": None})
    assert (again.code, again.data) == (0, {"revision": HEAD, "before": HEAD})
    assert tokenbooth("migrate", "--check").code == 0


def test_a_service_that_may_not_migrate_starts_on_no_old_tables(program, tokenbooth, file):
    refused = program("serve", "--port", "0", TOKENBOOTH_MIGRATE="off")
    assert (refused.code, "There is no database" in refused.err) == (1, True)

    assert tokenbooth("migrate").code == 0
    pretend(file, "0003")
    refused = program("serve", "--port", "0", TOKENBOOTH_MIGRATE="off")

    assert (refused.code, "run: tokenbooth migrate" in refused.err) == (1, True)


def test_commands_that_may_not_migrate_say_what_to_run(tokenbooth, file, monkeypatch):
    monkeypatch.setenv("TOKENBOOTH_MIGRATE", "off")
    assert tokenbooth("migrate").code == 0
    assert tokenbooth("issuers", "list").code == 0

    pretend(file, "0003")

    refused = tokenbooth("issuers", "list")
    assert (refused.code, "run: tokenbooth migrate" in refused.err) == (1, True)


def test_leaves_tables_of_a_newer_version_alone(tokenbooth, file, monkeypatch):
    tokenbooth("migrate")
    pretend(file, "9999")

    for arguments in (("migrate",), ("migrate", "--check"), ("issuers", "list")):
        refused = tokenbooth(*arguments)
        assert (refused.code, "newer version" in refused.err) == (1, True), arguments
    monkeypatch.setenv("TOKENBOOTH_MIGRATE", "off")
    assert "newer version" in tokenbooth("issuers", "list").err


def test_leaves_a_database_of_another_program_alone(tokenbooth, file):
    with closing(sqlite.connect(file)) as connection:
        connection.execute("CREATE TABLE other (id)")

    assert tokenbooth("migrate", "--check").code == 1
    refused = tokenbooth("migrate")

    assert (refused.code, "belongs to another program" in refused.err) == (1, True)
