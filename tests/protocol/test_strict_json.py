import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.strict_json import parse_object

# A surrogate cannot be written as UTF-8, so it is in no JSON text.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(
    LEAF.filter(lambda leaf: leaf not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, VALUE, max_size=5), st.booleans())
def test_reads_every_object(members, ascii_only):
    assert parse_object(json.dumps(members, ensure_ascii=ascii_only).encode()) == members


@given(st.dictionaries(TEXT, VALUE, max_size=5))
def test_what_is_written_compactly_is_read_as_json_reads_it(members):
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    read, expected = parse_object(text.encode()), json.loads(text)
    assert (read, repr(read)) == (expected, repr(expected))  # 1 is not 1.0, nor True


@given(st.binary(max_size=100) | st.text(alphabet='{}[]",:\\ud8eE0123456789tn-+.', max_size=40))
def test_any_input_is_an_object_or_a_value_error(data):
    try:
        members = parse_object(data if isinstance(data, bytes) else data.encode())
    except ValueError:
        return
    assert isinstance(members, dict)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"a"',
        "{",
        "{}{}",
        "{} x",
        "{'a':1}",
        '{"a":1,}',
        '{"a":01}',
        '{"a":"\n"}',
        '{"a":1}\x00',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        "{/**/}",
    ],
)
def test_refuses_what_is_no_json_object(text):
    with pytest.raises(ValueError):
        parse_object(text.encode())


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":{"a":1,"a":2}}', '{"b":[{"":1,"":2}]}']
)
def test_refuses_a_repeated_member_however_it_is_spelt_and_wherever_it_stands(text):
    with pytest.raises(ValueError):
        parse_object(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        "{}".encode("utf-32"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
    ],
)
def test_refuses_a_byte_order_mark_and_every_encoding_but_utf_8(data):
    with pytest.raises(ValueError):
        parse_object(data)


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":["\\udc00\\ud800"]}'])
def test_refuses_lone_surrogates(text):
    with pytest.raises(ValueError):
        parse_object(text.encode())


def test_reads_a_pair_of_surrogates_as_the_one_character_it_is():
    assert parse_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("escape", ["", "\\u0041"])
def test_refuses_deep_nesting(opening, escape):
    closing = "]" if opening == "[" else "}"
    for depth in (500, 900, 950, 980, 990, 1000, 10_000):
        text = f'{{"{escape}":{opening * depth}1{closing * depth}}}'
        try:
            parse_object(text.encode())
        except ValueError:
            continue
        assert depth < 10_000


def test_refuses_an_integer_of_endless_digits():
    with pytest.raises(ValueError):
        parse_object(b'{"exp":' + b"9" * 10_000 + b"}")
