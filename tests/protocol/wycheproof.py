"""Where the vectors of Project Wycheproof are, and how they are read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "wycheproof"

FILES = ("json_web_signature_test", "json_web_key_test", "json_web_crypto_test")

# The published result binds one key to two algorithms; RFC 8725 §3.1 forbids that.
CONTRADICTORY = {("json_web_signature_test", number) for number in (346, 347, 350, 351)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    file: str
    number: int
    comment: str
    keys: tuple[dict[str, Any], ...]
    token: str
    is_valid: bool

    def __str__(self) -> str:
        return f"{self.file.removeprefix('json_web_').removesuffix('_test')}-{self.number}"


def vectors() -> Iterator[Vector]:
    """Every vector, with what we expect of it."""
    for file in FILES:
        document = json.loads((VECTORS / f"{file}.json").read_text(encoding="utf-8"))
        for group in document["testGroups"]:
            key_or_set = group.get("public") or group["private"]
            keys = tuple(key_or_set.get("keys", [key_or_set]))
            for test in group["tests"]:
                yield _vector(file, keys, test)


def _vector(file: str, keys: tuple[dict[str, Any], ...], test: dict[str, Any]) -> Vector:
    token = test.get("jws", test.get("jwe"))
    # One rule for what we do not carry: shared secrets and encryption are refused, always.
    is_carried = "jws" in test and all(key["kty"] != "oct" for key in keys)
    is_doubtful = (file, test["tcId"]) in CONTRADICTORY
    return Vector(
        file=file,
        number=test["tcId"],
        comment=test["comment"],
        keys=keys,
        token=token if isinstance(token, str) else json.dumps(token),
        is_valid=test["result"] == "valid" and is_carried and not is_doubtful,
    )
