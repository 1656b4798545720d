"""CVE-2024-23342: signatures in pure Python tell their key by the time that they take.

What a refusal takes, CVE-2016-7036, is measured in tests/server/test_refusal_times.py.
"""

import re
import sys

import pytest

from tests.architecture.sources import ROOT
from tests.protocol.jose import accept, good_token

IN_PYTHON = {"ecdsa", "pure25519", "python-jose", "rsa", "starkbank-ecdsa"}
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.MULTILINE)


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_no_library_that_signs_in_pure_python_comes_with_us(lock):
    pinned = set(PINNED.findall((ROOT / "requirements" / lock).read_text(encoding="utf-8")))

    assert "cryptography" in pinned
    assert pinned & IN_PYTHON == set()


def test_no_library_that_signs_in_pure_python_is_loaded_to_verify():
    assert accept(good_token())
    assert {"ecdsa", "jose", "rsa"} & sys.modules.keys() == set()
