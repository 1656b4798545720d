import pytest

from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.secret_source import SecretUnavailable, secret_reader


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"], ids=repr)
def test_reads_a_file_without_the_line_break_that_editors_add(tmp_path, ending):
    file = tmp_path / "secret"
    file.write_bytes(f"s e\ncret {ending}".encode())

    assert secret_reader(f"file:{file}")().reveal() == "s e\ncret "


def test_reads_a_file_anew_each_time(tmp_path):
    file = tmp_path / "secret"
    file.write_text("old")
    read = secret_reader(f"file:{file}")
    assert read().reveal() == "old"

    file.write_text("new")

    assert read().reveal() == "new"


def test_reads_the_environment(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "from the environment\n")

    assert secret_reader("env:MY_SECRET")().reveal() == "from the environment"


def test_takes_a_secret_or_a_function_that_returns_one():
    assert secret_reader(Secret("a"))().reveal() == "a"
    assert secret_reader(lambda: "b")().reveal() == "b"
    assert secret_reader(lambda: Secret("c"))().reveal() == "c"


@pytest.mark.parametrize("text", ["hunter2", "env:", "file:", "", "vault:hunter2"])
def test_refuses_a_secret_in_clear_without_repeating_it(text):
    with pytest.raises(ValueError, match="env:NAME") as caught:
        secret_reader(text)

    assert "hunter2" not in str(caught.value)


def test_refuses_what_is_no_source_at_all():
    with pytest.raises(TypeError):
        secret_reader(7)


def test_refuses_an_async_function_which_nobody_would_await():
    async def read():
        return "hunter2"

    with pytest.raises(TypeError, match="not async"):
        secret_reader(read)


def test_a_function_that_fails_is_no_secret_and_shows_none():
    def read():
        raise KeyError("hunter2")

    with pytest.raises(SecretUnavailable, match="KeyError") as caught:
        secret_reader(read)()

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_says_what_to_do_when_there_is_no_secret(tmp_path, monkeypatch):
    monkeypatch.delenv("MY_SECRET", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    places = [
        "env:MY_SECRET",
        f"file:{tmp_path}/missing",
        f"file:{tmp_path}",
        f"file:{tmp_path}/empty",
        f"file:{tmp_path}/binary",
        f"file:{tmp_path}/large",
        lambda: "",
        lambda: 7,
        Secret("\n"),
    ]

    for place in places:
        with pytest.raises(SecretUnavailable):
            secret_reader(place)()


def test_says_which_variable_holds_bytes_that_are_no_text(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "hunter2\udcff")  # as Python reads the byte FF

    with pytest.raises(SecretUnavailable, match=r"MY_SECRET .*: it is no UTF-8 text") as caught:
        secret_reader("env:MY_SECRET")()

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
