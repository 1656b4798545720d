"""A dialect by its name, or from a file of the user's own."""

import pytest

from tokenbooth.protocol.dialects import Dialect, DialectRefused
from tokenbooth.remote.dialect_file import MAX_DIALECT_BYTES, find_dialect


def test_finds_a_dialect_of_the_package_by_name():
    assert find_dialect("truphone").name == "truphone"


def test_reads_a_file_of_the_users_own(tmp_path):
    (tmp_path / "acme.toml").write_text('name = "acme"\n[answer]\naccess_token = "tok"\n')
    assert find_dialect(str(tmp_path / "acme.toml")).answer.access_token == "tok"


def test_takes_a_dialect_as_it_is():
    own = Dialect(name="own")
    assert find_dialect(own) is own


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "No such file"),
        (b"\xff", "UTF-8"),
        (b"name = ", "acme.toml"),
        (b'name = "acme"\nnope = 1', "nope"),
        (b"#" * (MAX_DIALECT_BYTES + 1), "larger"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, content, word):
    path = tmp_path / "acme.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DialectRefused, match=word) as refused:
        find_dialect(str(path))
    assert "acme.toml" in str(refused.value)


def test_a_name_that_can_be_no_path_is_refused():
    with pytest.raises(DialectRefused):
        find_dialect("a\0b.toml")
