import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenbooth.protocol.client_auth import (
    BASIC,
    MAX_CREDENTIAL_LENGTH,
    POST,
    PresentedNothing,
    PresentedSecret,
    basic_authorization,
    read_basic,
    read_client,
)
from tokenbooth.protocol.errors import InvalidClient, InvalidRequest
from tokenbooth.protocol.form import CONTENT_TYPE, Form, encode_form, parse_form
from tokenbooth.protocol.secret import Secret

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)

# Made by oauth4webapi and by hand from Google's secrets: what other encoders send.
VECTORS = [
    ("a b:c", "s+e/c:r%t", "YStiJTNBYzpzJTJCZSUyRmMlM0FyJTI1dA=="),
    (
        "1PpG/Q 1",
        "z/tZ9VwFZqApmIQ+ZH1I5pLk/uB4ud:X2/8bL+wfFTt1rFw=",
        (
            "MVBwRyUyRlErMTp6JTJGdFo5VndGWnFBcG1JUSUyQlpIMUk1cExrJTJGdUI0dWQlM0FYMiUyRjhiTCUyQndm"
            "RlR0MXJGdyUzRA=="
        ),
    ),
]


def form(**parameters: str) -> Form:
    return parse_form(encode_form(parameters.items()), CONTENT_TYPE)


def basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return "Basic " + base64.b64encode(raw).decode()


def readings(presented: PresentedSecret) -> list[tuple[str, str]]:
    pairs = [(presented.client_id, presented.secret), presented.raw_reading]
    return [(pair[0], pair[1].reveal()) for pair in pairs if pair is not None]


@pytest.mark.parametrize(("client_id", "secret", "encoded"), VECTORS)
def test_reads_and_writes_basic_as_other_libraries_do(client_id, secret, encoded):
    assert readings(read_basic(f"Basic {encoded}"))[0] == (client_id, secret)
    assert basic_authorization(client_id, Secret(secret)).reveal() == f"Basic {encoded}"


@given(TEXT, TEXT)
def test_the_form_encoded_pair_is_the_first_reading(client_id, secret):
    presented = read_basic(basic_authorization(client_id, Secret(secret)).reveal())

    assert presented.method == BASIC
    assert readings(presented)[0] == (client_id, secret)


@given(TEXT, TEXT)
def test_the_raw_pair_is_one_of_the_readings(client_id, secret):
    assume(":" not in client_id and not secret.endswith(("\n", "\r")))

    presented = read_basic(basic_authorization(client_id, Secret(secret), raw=True).reveal())

    assert (client_id, secret) in readings(presented)


@given(st.text(max_size=60) | st.binary(max_size=60).map(basic) | TEXT.map(basic))
def test_any_header_is_basic_or_an_invalid_client(header):
    try:
        presented = read_basic(header)
    except InvalidClient:
        return
    assert presented.client_id


@given(
    st.dictionaries(st.sampled_from(["client_id", "client_secret"]), TEXT),
    st.lists(st.text(max_size=20) | TEXT.map(lambda text: basic(f"{text}:{text}")), max_size=2),
)
def test_any_request_presents_something_or_is_an_oauth_error(parameters, headers):
    try:
        presented = read_client(form(**parameters), tuple(headers))
    except (InvalidRequest, InvalidClient):
        return
    assert isinstance(presented, PresentedSecret | PresentedNothing)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_the_scheme_is_read_in_any_case(scheme):
    assert read_basic(basic("a:b").replace("Basic", scheme)).client_id == "a"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YTpi YTpi",
        "Basic YTp",
        "Basic YTpi\x00",
        "Basic é",
        "YTpi",
        "Bearer YTpi",
        "Basic a:b",
        basic("no colon"),
        basic(":secret"),
        basic(b"a:\xff"),
        basic(b"\xff\xfe:a"),
    ],
)
def test_refuses_a_malformed_header_as_an_invalid_client(header):
    with pytest.raises(InvalidClient) as refused:
        read_basic(header)

    assert refused.value.reason == "malformed_basic"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_says_so_when_the_secret_ends_with_a_line_break(ending):
    with pytest.raises(InvalidClient, match="ends with a line break"):
        read_basic(basic(f"app:secret{ending}"))


@pytest.mark.parametrize("text", ["a" * 5000 + ":b", "a:" + "b" * 5000, "a:" + "%41" * 2000])
def test_refuses_an_overlong_id_or_secret(text):
    with pytest.raises(InvalidClient) as refused:
        read_basic(basic(text))

    assert refused.value.reason == "overlong"


def test_a_secret_of_plain_characters_has_one_reading():
    presented = read_basic(basic("app:tbs_Aa0_9"))

    assert presented.raw_reading is None
    assert readings(presented) == [("app", "tbs_Aa0_9")]


def test_a_secret_with_percent_and_plus_has_two_readings():
    presented = read_basic(basic("app:a%2Fb+c"))

    assert readings(presented) == [("app", "a/b c"), ("app", "a%2Fb+c")]


@pytest.mark.parametrize("secret", ["100%", "%zz", "%ff", "a%FFb+c"])
def test_a_secret_that_was_never_encoded_is_read_raw(secret):
    assert ("app", secret) in readings(read_basic(basic(f"app:{secret}")))


def test_the_secret_may_hold_colons():
    assert readings(read_basic(basic("app:a:b:c"))) == [("app", "a:b:c")]


def test_an_empty_secret_is_presented_so_that_it_can_be_refused_like_a_wrong_one():
    assert readings(read_basic(basic("app:"))) == [("app", "")]


def test_reads_credentials_from_the_body():
    presented = read_client(form(client_id="app", client_secret="s"), ())

    assert presented == PresentedSecret(client_id="app", secret=Secret("s"), method=POST)


@pytest.mark.parametrize("client_id", [None, "app"])
def test_a_request_without_proof_presents_nothing(client_id):
    parameters = {} if client_id is None else {"client_id": client_id}

    assert read_client(form(**parameters), ()) == PresentedNothing(client_id=client_id)


def test_an_empty_secret_in_the_body_is_an_absent_one():
    assert read_client(form(client_id="app", client_secret=""), ()) == PresentedNothing(
        client_id="app"
    )


def test_refuses_a_secret_without_a_client_id():
    with pytest.raises(InvalidClient, match="no client_id"):
        read_client(form(client_secret="s"), ())


def test_refuses_an_overlong_secret_in_the_body():
    with pytest.raises(InvalidClient):
        read_client(form(client_id="a", client_secret="s" * (MAX_CREDENTIAL_LENGTH + 1)), ())


@pytest.mark.parametrize("secret", ["s", "wrong"])
def test_refuses_header_and_body_secret_together_even_when_they_agree(secret):
    with pytest.raises(InvalidRequest) as refused:
        read_client(form(client_id="app", client_secret=secret), (basic("app:s"),))

    assert refused.value.reason == "two_methods"


def test_refuses_two_authorization_headers():
    with pytest.raises(InvalidRequest) as refused:
        read_client(form(), (basic("app:s"), basic("app:s")))

    assert refused.value.reason == "two_methods"


def test_a_body_client_id_beside_basic_must_be_the_same():
    assert read_client(form(client_id="app"), (basic("app:s"),)).client_id == "app"
    with pytest.raises(InvalidRequest) as refused:
        read_client(form(client_id="other"), (basic("app:s"),))
    assert refused.value.reason == "two_clients"


def test_a_body_client_id_chooses_the_reading_that_has_it():
    header = basic("a+b:s+t")

    raw = read_client(form(client_id="a+b"), (header,))
    decoded = read_client(form(client_id="a b"), (header,))

    assert readings(raw) == [("a+b", "s+t")]
    assert readings(decoded) == [("a b", "s t")]


def test_never_shows_the_secret():
    presented = read_client(form(), (basic("app:hunter%32+x"),))

    assert readings(presented) == [("app", "hunter2 x"), ("app", "hunter%32+x")]
    assert "hunter" not in repr(presented)


@pytest.mark.parametrize("header", [basic("app-hunter2"), "Digest hunter2", "Basic hunter2!"])
def test_no_refusal_repeats_what_was_sent(header):
    with pytest.raises(InvalidClient) as refused:
        read_basic(header)

    assert "hunter2" not in str(refused.value)
