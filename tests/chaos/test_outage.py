"""The service is gone for a while: guards and clients go on with what they have, and recover."""

from contextlib import closing

import pytest

from tests.chaos.conftest import prepare
from tests.chaos.invariants import AUDIENCE
from tests.end_to_end.service import eventually
from tokenbooth.client import TokenSource
from tokenbooth.client.errors import TokenUnavailable
from tokenbooth.guard import Guard
from tokenbooth.guard.refusal import Refusal
from tokenbooth.protocol.secret import Secret


def _shows(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_guard_and_client_go_on_with_what_they_have(breakable):
    service = prepare(breakable())
    client = service.register("persons")
    source = TokenSource(
        issuer=service.url,
        client_id=client.client_id,
        secret=Secret(client.secret),
        scope="persons:read",
    )
    late = TokenSource(issuer=service.url, client_id=client.client_id, secret=Secret(client.secret))
    with source, late, closing(Guard(service.url, AUDIENCE)) as guard:
        held = source.token().access_token
        seen = service.access_token(client)
        guard.verify_sync(_shows(held))
        service.kill()

        for _ in range(20):
            assert source.token().access_token == held
            guard.verify_sync(_shows(held))
            guard.verify_sync(_shows(seen))  # not seen before, but of a known key
        with pytest.raises(TokenUnavailable):
            late.token()
        with closing(Guard(service.url, AUDIENCE)) as newcomer:  # knows no key at all
            with pytest.raises(Refusal) as refused:
                newcomer.verify_sync(_shows(held))
            assert refused.value.status == 503

            service = breakable(port=service.port)
            eventually(lambda: _verifies(newcomer, held), within=60, every=0.5)
        eventually(lambda: _gets(late), within=60, every=0.5)
        guard.verify_sync(_shows(late.token().access_token))


def _verifies(guard: Guard, token: str) -> bool:
    try:
        guard.verify_sync(_shows(token))
    except Refusal as refusal:
        return _is_away(refusal)
    return True


def _is_away(refusal: Refusal) -> bool:
    assert refusal.status == 503  # never 401: the token is good
    return False


def _gets(source: TokenSource) -> bool:
    try:
        source.token()
    except TokenUnavailable:
        return False
    return True
