"""Clients that others wrote in JavaScript, at an issuer under the FAPI 2.0 profile."""

import pytest

from tests.interop.javascript import Refused
from tests.interop.registered import KEY_ALGORITHMS, with_key
from tokenbooth.server.records import IssuerPolicy

every_library = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])


@pytest.fixture(scope="module")
def bank(demo):
    """The audience of an API of such an issuer."""
    demo.add_issuer("interop-bank", policy=IssuerPolicy(profile="fapi2"))
    return demo.add_api("accounts", "accounts:read", issuer="interop-bank")


def _service(demo, javascript, alg):
    by = with_key(demo, javascript, alg, "accounts", issuer="interop-bank")
    return {"issuer": demo.issuer_url("interop-bank"), "by": by}


@every_library
@pytest.mark.parametrize("alg", KEY_ALGORITHMS)
def test_a_private_key_gets_a_bound_token(demo, bank, javascript, library, alg):
    service = _service(demo, javascript, alg)
    key = javascript("keys", "make", alg=alg)["kid"]
    answer = javascript(library, "token", dpop=key, **service)
    assert answer["token_type"] == "dpop"
    told = javascript(library, "introspect", token=answer["access_token"], **service)
    assert (told["aud"], set(told["cnf"])) == (bank, {"jkt"})


@every_library
def test_a_token_that_is_not_bound_is_refused(demo, bank, javascript, library):
    with pytest.raises(Refused) as refused:
        javascript(library, "token", **_service(demo, javascript, "ES256"))
    assert refused.value.status == 400
