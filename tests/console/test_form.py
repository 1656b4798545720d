"""A form as a browser posts it."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.console.form import MOST_FIELDS, Form, FormRefused

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=20))
def test_reads_what_a_browser_writes(fields):
    assert Form.read(urlencode(fields).encode()).fields == tuple(fields)


@given(st.binary(max_size=200))
def test_reads_or_refuses_any_bytes(body):
    try:
        form = Form.read(body)
    except FormRefused:
        return
    assert all(isinstance(text, str) for pair in form.fields for text in pair)


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"a=%00", b"\xff", b"&".join([b"a=1"] * (MOST_FIELDS + 1))]
)
def test_refuses_what_no_page_sends(body):
    with pytest.raises(FormRefused, match="cannot be read"):
        Form.read(body)


def test_gives_every_ticked_box_and_the_first_of_other_fields():
    form = Form.read(b"scope=a&scope=b&name=+ada+&none=")

    assert form.all("scope") == ("a", "b")
    assert (form.text("name"), form.raw("name")) == ("ada", " ada ")
    assert (form.optional("none"), form.flag("none"), form.flag("name")) == (None, False, True)
    assert form.text("missing", "default") == "default"
