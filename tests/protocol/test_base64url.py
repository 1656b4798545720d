import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol import base64url


@given(st.binary(max_size=200))
def test_decoding_undoes_encoding(data):
    assert base64url.decode(base64url.encode(data)) == data


@given(st.binary(max_size=60) | st.text(alphabet="AQgw-_+/= \n", max_size=12).map(str.encode))
def test_whatever_is_accepted_is_the_one_text_of_its_value(text):
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


@pytest.mark.parametrize(
    "text",
    [b"QQ==", b"QQ=", b"Q", b"QR", b"QUF", b"+_8", b"/_8", b" QQ", b"QQ\n", b"Q\x00Q", b"\xff\xff"],
)
def test_refuses_padding_loose_bits_and_foreign_characters(text):
    with pytest.raises(ValueError):
        base64url.decode(text)


def test_nothing_is_the_text_of_no_bytes():
    assert base64url.decode(b"") == b""
