"""CVE-2026-96760, CVE-2026-102946, CVE-2022-39227: a JWS in JSON form is no token here."""

import json

import pytest

from tests.protocol.jose import accept, good_token
from tokenbooth.protocol.errors import TokenRefused

HEADER, PAYLOAD, SIGNATURE = good_token().split(".")


@pytest.mark.parametrize(
    "document",
    [
        {"payload": PAYLOAD, "signatures": []},
        {"payload": PAYLOAD, "signatures": [{"protected": HEADER, "signature": SIGNATURE}]},
        {"payload": PAYLOAD, "protected": HEADER, "signature": SIGNATURE},
        {"payload": PAYLOAD},
        # One parser sees the JSON, another the three segments: parsed once, it is one or none.
        {f"  {HEADER}.": f".{PAYLOAD}.{SIGNATURE}"},
        {f"{HEADER}.{PAYLOAD}.{SIGNATURE}": ""},
    ],
    ids=["no signatures", "one signature", "flattened", "payload alone", "both forms", "as a name"],
)
def test_the_json_form_is_refused_with_and_without_signatures(document):
    with pytest.raises(TokenRefused, match="malformed"):
        accept(json.dumps(document))
