"""CVE-2025-59420, CVE-2026-32597, CVE-2026-35042, GHSA-w7vc-732c-9m39: "crit" is obeyed."""

import pytest

from tests.protocol.jose import accept, compact, header_of, key_for
from tokenbooth.protocol.errors import TokenRefused

ES256 = key_for("ES256")


@pytest.mark.parametrize(
    "crit",
    [["unknown"], ["exp"], ["b64"], ["alg"], ["a", "a"], [], "unknown", {}, None, 0, [1], True],
    ids=str,
)
def test_crit_is_refused_whatever_it_lists(crit):
    with pytest.raises(TokenRefused, match="unknown_extension"):
        accept(compact(header_of(ES256, crit=crit, unknown=1)))


@pytest.mark.parametrize("b64", [False, None, 0, "true", "false", []], ids=str)
def test_an_unencoded_payload_is_refused(b64):
    with pytest.raises(TokenRefused, match="unknown_extension"):
        accept(compact(header_of(ES256, b64=b64)))


def test_extensions_that_are_not_critical_are_ignored():
    assert accept(compact(header_of(ES256, unknown={"a": 1}, b64=True)))
