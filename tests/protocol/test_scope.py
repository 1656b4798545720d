import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.errors import InvalidScope
from tokenbooth.protocol.scope import MAX_SCOPE_LENGTH, NO_SCOPE, Scope, _cached_names

ALLOWED = [c for c in map(chr, range(0x21, 0x7F)) if c not in '"\\']
NAMES = st.lists(st.text(alphabet=ALLOWED, min_size=1, max_size=12), max_size=8)


@given(NAMES)
def test_the_wire_form_reads_back_as_the_same_scope(names):
    scope = Scope.of(names)

    assert Scope.parse(str(scope)).names == scope.names == tuple(dict.fromkeys(names))


@given(st.text(max_size=40) | st.text(alphabet='ab :"\\\t\x00\x7fé', max_size=10))
def test_any_text_is_a_scope_or_invalid(text):
    try:
        scope = Scope.parse(text)
    except InvalidScope:
        return
    assert set("".join(scope)) <= set(ALLOWED)


@given(NAMES, NAMES)
def test_scopes_are_sets_that_keep_their_order(left, right):
    a, b = Scope.of(left), Scope.of(right)

    assert set(a | b) == set(left) | set(right)
    assert set(a & b) == set(left) & set(right)
    assert set(a - b) == set(left) - set(right)
    assert (a <= b) == (set(left) <= set(right))
    assert (a == b) == (set(left) == set(right))
    assert (a == b) <= (hash(a) == hash(b))
    assert list(a | b)[: len(a.names)] == list(a)


@pytest.mark.parametrize("char", [*'"\\\t\n\r\x00\x1f\x7f\x80é\u2028\ud800'])
def test_refuses_characters_outside_the_grammar(char):
    for text in (char, f"a{char}", f"a{char}b", f"{char}b"):
        with pytest.raises(InvalidScope):
            Scope.parse(text)


@pytest.mark.parametrize("text", [" ", " a", "a ", "a  b", "a b "])
def test_says_how_to_separate_when_spaces_are_wrong(text):
    with pytest.raises(InvalidScope, match="exactly one space"):
        Scope.parse(text)


def test_refuses_a_text_beyond_the_limit_and_takes_one_at_it():
    assert len(str(Scope.parse("a" * MAX_SCOPE_LENGTH))) == MAX_SCOPE_LENGTH
    with pytest.raises(InvalidScope):
        Scope.parse("a" * (MAX_SCOPE_LENGTH + 1))


def test_strangers_cannot_make_the_memory_of_scopes_grow():
    for number in range(_cached_names.cache_info().maxsize + 10):
        Scope.parse(f"scope-{number}")
    before = _cached_names.cache_info()

    Scope.parse("long " * 60 + "scope")

    assert before.currsize <= before.maxsize
    assert _cached_names.cache_info() == before


@pytest.mark.parametrize("names", [["a b"], [""], ["a", ""], ["a", "b\n"], [" "]])
def test_single_names_are_checked_one_by_one(names):
    with pytest.raises(InvalidScope):
        Scope.of(names)


def test_the_empty_text_is_the_empty_scope():
    assert Scope.parse("") == NO_SCOPE
    assert not NO_SCOPE
    assert str(NO_SCOPE) == ""


def test_order_does_not_matter_when_scopes_are_compared():
    assert Scope.parse("a b") == Scope.parse("b a b")
    assert Scope.parse("a b") != Scope.parse("a")
    assert Scope.parse("a") != "a"


def test_names_are_case_sensitive_and_never_matched_by_prefix():
    scope = Scope.parse("persons:read")

    assert "persons:read" in scope
    assert "persons" not in scope
    assert "Persons:read" not in scope


def test_every_printable_ascii_character_but_two_may_be_in_a_name():
    printable = set(string.printable) - set(string.whitespace) - {'"', "\\"}

    assert set(ALLOWED) == printable
    assert Scope.parse("".join(sorted(printable)))
