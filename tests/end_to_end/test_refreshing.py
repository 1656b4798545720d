"""Refresh tokens: rotated at each use, and a stolen one ends its whole family."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.service import Registered, Service, eventually, running
from tokenbooth.management.clients.clients import set_enabled

SHORT_GRACE = {"TOKENBOOTH_REFRESH_GRACE_SECONDS": "0"}


def _refresh(service: Service, client: Registered, token: str, **form):
    asked = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return service.post(f"/{client.issuer}/oauth2/token", asked, client)


@pytest.fixture(scope="module")
def client(demo):
    return demo.register("demo", issuer="truphone")


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A service of two workers without any grace for reuse."""
    folder = tmp_path_factory.mktemp("strict")
    with running(folder, "--workers", "2", variables=SHORT_GRACE) as service:
        service.add_issuer("truphone", dialect="truphone")
        service.add_api("calls", "connect:read", issuer="truphone")
        yield service


@pytest.fixture
def strict_client(strict):
    return strict.register("calls", issuer="truphone")


def test_a_refresh_token_gets_new_tokens(demo, client):
    first = demo.token(client).json()
    answer = _refresh(demo, client, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["expires_in"] == 300
    assert second["refresh_expires_in"] == 1800
    assert _refresh(demo, client, second["refresh_token"]).status_code == 200
    assert demo.is_active(client, first["access_token"])


def test_refreshing_needs_the_client_to_prove_itself(demo, client):
    token = demo.token(client).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert demo.post("/truphone/oauth2/token", form).json()["error"] == "invalid_client"
    wrong = demo.post("/truphone/oauth2/token", form, (client.client_id, "wrong"))
    assert wrong.json()["error"] == "invalid_client"
    assert _refresh(demo, client, token).status_code == 200


def test_a_refresh_token_serves_nobody_else(demo, client):
    thief = demo.register("demo", issuer="truphone")
    token = demo.token(client).json()["refresh_token"]
    answer = _refresh(demo, thief, token)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert _refresh(demo, client, token).status_code == 200


def test_a_missing_refresh_token_is_an_invalid_request(demo, client):
    answer = demo.post("/truphone/oauth2/token", {"grant_type": "refresh_token"}, client)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("made", ["garbage", "tbr_AAAA", "tbr_", "é", "x" * 9000])
def test_what_is_no_refresh_token_is_an_invalid_grant(demo, client, made):
    answer = _refresh(demo, client, made)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_an_access_token_is_no_refresh_token(demo, client):
    answer = _refresh(demo, client, demo.access_token(client))
    assert answer.json()["error"] == "invalid_grant"


def test_a_refreshed_token_can_have_less_but_not_more(demo):
    wide = demo.register("demo", issuer="truphone")
    first = demo.token(wide, scope="connect:read demo:admin").json()
    narrow = _refresh(demo, wide, first["refresh_token"], scope="connect:read").json()
    assert narrow["scope"] == "connect:read"
    small = demo.token(wide, scope="connect:read").json()
    answer = _refresh(demo, wide, small["refresh_token"], scope="connect:read demo:admin")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


def test_a_lost_answer_is_repeated_within_the_grace(demo, client):
    token = demo.token(client).json()["refresh_token"]
    lost, repeated = (_refresh(demo, client, token) for _ in range(2))
    assert lost.status_code == repeated.status_code == 200
    assert _refresh(demo, client, repeated.json()["refresh_token"]).status_code == 200


def test_an_issuer_without_refresh_tokens_does_not_know_the_grant(demo, demo_clients):
    client = demo_clients["jwt-basic"]
    answer = _refresh(demo, client, "tbr_x")
    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"


def test_reuse_beyond_the_grace_ends_the_family(strict, strict_client):
    first = strict.token(strict_client).json()
    second = _refresh(strict, strict_client, first["refresh_token"]).json()
    reused = _refresh(strict, strict_client, first["refresh_token"])
    assert reused.status_code == 400
    assert reused.json()["error"] == "invalid_grant"
    # Whoever holds the successor may be the thief: it is refused too, and so are the tokens.
    after = _refresh(strict, strict_client, second["refresh_token"])
    assert after.json()["error"] == "invalid_grant"
    for members in (first, second):
        assert not strict.is_active(strict_client, members["access_token"])


def test_reuse_ends_no_other_family(strict, strict_client):
    other = strict.token(strict_client).json()
    used = strict.token(strict_client).json()["refresh_token"]
    for _ in range(2):
        _refresh(strict, strict_client, used)
    assert strict.is_active(strict_client, other["access_token"])
    assert _refresh(strict, strict_client, other["refresh_token"]).status_code == 200


def test_of_20_parallel_uses_exactly_one_wins(strict, strict_client):
    token = strict.token(strict_client).json()["refresh_token"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: _refresh(strict, strict_client, token), range(20)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [400] * 19
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}


def test_a_disabled_client_cannot_refresh(demo):
    client = demo.register("demo", issuer="truphone")
    token = demo.token(client).json()["refresh_token"]
    demo.manage(lambda b: set_enabled(b, client.client_id, enabled=False, issuer="truphone"))
    refused = eventually(lambda: (a := demo.token(client)).status_code == 401 and a, within=3)
    assert refused.json()["error"] == "invalid_client"
    assert _refresh(demo, client, token).json()["error"] == "invalid_client"
