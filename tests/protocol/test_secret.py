import copy
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.secret import Secret

TEXT = "tbs_hunter2"


@pytest.mark.parametrize("form", ["{}", "{!r}", "{!s}", "{!a}", "{:>20}", "{0.__class__}{0}"])
def test_never_shows_its_text(form):
    assert "hunter2" not in form.format(Secret(TEXT))
    assert "Secret(***)" in form.format(Secret(TEXT))


def test_never_shows_its_text_inside_other_values():
    assert str([Secret(TEXT), {"secret": Secret(TEXT)}]).count("Secret(***)") == 2


def test_is_not_shown_by_a_log_or_a_traceback(caplog):
    secret = Secret(TEXT)

    logging.getLogger().warning("sent %s and %r", secret, {"secret": secret})
    shown = "".join(traceback.format_exception(ValueError(secret)))

    assert "hunter2" not in caplog.text
    assert "hunter2" not in shown


@pytest.mark.parametrize("leak", [json.dumps, copy.copy, copy.deepcopy, vars, dict])
def test_cannot_be_copied_out_by_accident(leak):
    with pytest.raises(TypeError):
        leak(Secret(TEXT))


def test_cannot_be_pickled():
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret(TEXT))


@given(st.text(), st.text())
def test_secrets_are_equal_when_their_texts_are(left, right):
    assert (Secret(left) == Secret(right)) == (left == right)
    assert Secret(left) == Secret(left)
    assert hash(Secret(left)) == hash(Secret(left))


def test_a_text_from_a_broken_environment_can_be_compared():
    assert Secret("\udcff") == Secret("\udcff")
    assert Secret("\udcff") != Secret("\udcfe")


def test_is_never_equal_to_a_text():
    assert Secret(TEXT) != TEXT


def test_reveals_its_text_when_asked_by_name():
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT)
    assert not Secret("")
