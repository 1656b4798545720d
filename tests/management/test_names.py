import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.errors import BadInput, no_such
from tokenbooth.management.names import (
    RESERVED,
    check_account_name,
    check_api_name,
    check_client_id,
    check_issuer_name,
    check_text,
)
from tokenbooth.management.service.apis import add_scopes, create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.protocol.form import form_encode
from tokenbooth.server.bootstrap import Booth

CHECKS = (check_account_name, check_api_name, check_client_id, check_issuer_name)


@given(st.sampled_from(CHECKS), st.text())
def test_any_name_is_taken_or_refused_in_printable_words(check: object, name: str) -> None:
    assert callable(check)
    try:
        check(name)
    except BadInput as error:
        refusal = str(error)
    else:
        refusal = ""
        assert name.isascii()

    assert refusal.isprintable()


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._~-]{0,127}", fullmatch=True))
def test_a_client_id_that_is_taken_looks_the_same_however_it_is_encoded(name: str) -> None:
    if name.startswith(("tbs_", "tbo_", "tbr_", "eyJ")):
        return
    check_client_id(name)

    # Encoders differ only on the tilde, which decodes to itself either way.
    assert form_encode(name).replace("%7E", "~") == name


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_the_service_uses_itself_is_no_issuer_name(name: str) -> None:
    with pytest.raises(BadInput, match="reserved"):
        check_issuer_name(name)


def test_a_dialects_path_is_no_issuer_name() -> None:
    with pytest.raises(BadInput, match="reserved"):
        check_issuer_name("connect", dialect_paths=("/connect/token",))


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "a" * 201, "\u202e", "\ud800"])
def test_a_text_that_does_something_to_a_terminal_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        check_text("name", text)


def test_an_unknown_name_is_answered_with_what_there_is() -> None:
    assert no_such("API", "x", []) == "There is no API 'x'. There is none yet."
    assert no_such("API", "persona", ["persons"]).endswith("Did you mean 'persons'?")
    assert no_such("API", "x", ["one", "two"]).endswith("There are: one, two.")
    assert no_such("API", "x", map(str, range(20))).endswith("10, 11, ….")


async def test_limits_hold_for_programs_as_for_people(booth: Booth) -> None:
    with pytest.raises(BadInput, match="algorithm"):
        await create_issuer(booth, name="sandbox", alg="HS256")
    with pytest.raises(BadInput, match="at least one scope"):
        await add_scopes(booth, "persons", scopes="")
    with pytest.raises(BadInput, match="1024"):
        await create_api(booth, name="x", audience=f"https://{'a' * 1024}", scopes="")
    with pytest.raises(BadInput, match="31 days"):
        await create_client(booth, apis=["persons"], token_lifetime=32 * 86_400)


async def test_adding_scopes_that_are_there_changes_nothing(booth: Booth) -> None:
    before = await booth.store.revision()

    assert (await add_scopes(booth, "persons", scopes="a b")).scopes == ("a", "b")
    assert await booth.store.revision() == before
