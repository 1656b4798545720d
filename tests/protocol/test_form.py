from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.errors import InvalidRequest
from tokenbooth.protocol.form import (
    CONTENT_TYPE,
    MAX_PARAMETERS,
    REPEATABLE,
    encode_form,
    form_encode,
    parse_form,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(st.dictionaries(NAME.filter(lambda name: name not in REPEATABLE), TEXT, max_size=8))
def test_what_is_encoded_is_read_back(parameters):
    form = parse_form(encode_form(parameters.items()), CONTENT_TYPE)

    assert {name: form.get(name) for name in form} == parameters


@given(st.dictionaries(NAME, TEXT, max_size=8))
def test_encodes_as_the_standard_library_decodes(parameters):
    encoded = encode_form(parameters.items()).decode("ascii")

    assert parse_qsl(encoded, strict_parsing=bool(encoded)) == list(parameters.items())


@given(st.binary(max_size=80) | st.text(alphabet="a=&%+b0fF\x00", max_size=30).map(str.encode))
def test_any_body_is_a_form_or_an_invalid_request(body):
    try:
        form = parse_form(body, CONTENT_TYPE)
    except InvalidRequest:
        return
    assert all(form.get(name) or form.get_all(name) or name in REPEATABLE for name in form)


@given(
    st.none() | st.text(max_size=60) | st.text(alphabet="aplic/x-wfrmued;cht= '\"8", max_size=60)
)
def test_any_content_type_is_taken_or_an_invalid_request(content_type):
    try:
        form = parse_form(b"a=b", content_type)
    except InvalidRequest:
        return
    assert form.get("a") == "b"


@pytest.mark.parametrize(
    "content_type",
    [
        CONTENT_TYPE,
        CONTENT_TYPE.upper(),
        f"{CONTENT_TYPE}; charset=utf-8",
        f'{CONTENT_TYPE};charset="UTF-8"',
        f"{CONTENT_TYPE} ; Charset=utf8",
        f"{CONTENT_TYPE};",
        f"{CONTENT_TYPE}; boundary=x",
    ],
)
def test_takes_every_spelling_of_the_content_type(content_type):
    assert parse_form(b"a=b", content_type).get("a") == "b"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        f"{CONTENT_TYPE}; charset=iso-8859-1",
        f"{CONTENT_TYPE}; charset=utf-8; charset=utf-16",
    ],
)
def test_refuses_another_content_type_and_names_the_right_one(content_type):
    with pytest.raises(InvalidRequest) as refused:
        parse_form(b"a=b", content_type)

    assert refused.value.reason == "wrong_content_type"


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=1&a=1", b"a=&a=1", b"a&a=1", b"a=1&%61=2"])
def test_refuses_a_repeated_parameter_even_an_empty_one(body):
    with pytest.raises(InvalidRequest) as refused:
        parse_form(body, CONTENT_TYPE)

    assert refused.value.reason == "repeated"


def test_resource_and_audience_may_be_repeated():
    form = parse_form(b"resource=a&audience=x&resource=b&resource=", CONTENT_TYPE)

    assert form.get_all("resource") == ("a", "b")
    assert form.get_all("audience") == ("x",)
    assert form.get("resource") is None


@pytest.mark.parametrize("body", [b"scope=", b"scope", b"", b"&", b"&&&"])
def test_a_parameter_without_a_value_is_absent(body):
    form = parse_form(body, CONTENT_TYPE)

    assert form.get("scope") is None
    assert "scope" not in form


def test_empty_fields_between_ampersands_are_nothing():
    form = parse_form(b"&a=1&&&b=2&&", CONTENT_TYPE)

    assert list(form) == ["a", "b"]


def test_the_value_begins_at_the_first_equals_sign():
    assert parse_form(b"a=b=c==", CONTENT_TYPE).get("a") == "b=c=="


def test_plus_is_a_space_and_percent_20_too():
    assert parse_form(b"a=b+c%20d%2B", CONTENT_TYPE).get("a") == "b c d+"


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"a=%zz", b"%=a", b"a=100%", b"a=%%41"])
def test_refuses_broken_percent_encoding(body):
    with pytest.raises(InvalidRequest, match="two hexadecimal digits"):
        parse_form(body, CONTENT_TYPE)


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"%C0%AF=1", b"a=%ED%A0%80", b"a=\xe9"])
def test_refuses_what_is_not_utf_8(body):
    with pytest.raises(InvalidRequest, match="UTF-8"):
        parse_form(body, CONTENT_TYPE)


@pytest.mark.parametrize("body", [b"a%0A=1", b"\x00=1", b"a%7f=1", b"a\r\n=1"])
def test_refuses_control_characters_in_a_name(body):
    with pytest.raises(InvalidRequest, match="control character"):
        parse_form(body, CONTENT_TYPE)


def test_the_number_of_parameters_is_limited():
    def body(count: int) -> bytes:
        return b"&".join(b"p%d=1" % number for number in range(count))

    assert len(list(parse_form(body(MAX_PARAMETERS), CONTENT_TYPE))) == MAX_PARAMETERS
    with pytest.raises(InvalidRequest, match="more than"):
        parse_form(body(MAX_PARAMETERS + 1), CONTENT_TYPE)


def test_a_million_ampersands_are_refused():
    with pytest.raises(InvalidRequest):
        parse_form(b"&" * 1_000_000, CONTENT_TYPE)


@given(TEXT)
def test_encoded_text_is_of_safe_characters_alone(text):
    assert form_encode(text).replace("%", "").replace("+", "").translate(
        str.maketrans("", "", "-._~")
    ).isalnum() or set(text) <= set("-._~ ")
