"""What a stranger may say about traces, and how little of it counts (W3C Trace Context)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.trace_context import TraceParent, read_trace_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def state_of(*states: str) -> tuple[tuple[str, str], ...]:
    found = read_trace_context([GOOD], states)
    assert found is not None
    return found.state


def test_reads_a_parent():
    assert read_trace_context([GOOD], []) == TraceParent(
        trace_id=int(TRACE, 16), span_id=int(SPAN, 16), flags=1
    )


def test_reads_what_later_versions_begin_with():
    assert read_trace_context([f"cc-{TRACE}-{SPAN}-01-what-comes"], []) is not None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        GOOD.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[1:]}-{SPAN}-01",
        GOOD + "\n",
        GOOD + " x",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 500,
        GOOD.replace("4", "\uff14", 1),
    ],
)
def test_knows_no_other_parent(parent):
    assert read_trace_context([parent], ["a=b"]) is None


def test_knows_no_parent_where_there_are_two():
    assert read_trace_context([GOOD, GOOD], []) is None


def test_reads_the_state_over_several_headers():
    assert state_of("rojo=00f067, ,congo=t61", "tenant@system=a b") == (
        ("rojo", "00f067"),
        ("congo", "t61"),
        ("tenant@system", "a b"),
    )


@pytest.mark.parametrize(
    "state",
    [
        "no value",
        "a=b,a=c",
        "a=b,Upper=c",
        "a=b\x01",
        "a=b=c",
        "a=é",
        "a=" + "x" * 600,
        ",".join(f"k{n}=v" for n in range(33)),
    ],
)
def test_leaves_out_a_state_that_is_not_in_its_form_as_a_whole(state):
    assert state_of(state) == ()


@given(st.lists(st.text()), st.lists(st.text()))
def test_takes_whatever_comes(parents, states):
    found = read_trace_context(parents, states)
    assert found is None or isinstance(found, TraceParent)


@given(st.text(alphabet=st.sampled_from("ab=,@*/ \t-_é\x00")))
def test_what_is_left_of_a_state_can_be_sent_on(text):
    for key, value in state_of(text):
        assert key.isascii()
        assert value.isascii()
        assert "," not in value
        assert "=" not in value
