"""Every reason that the source can give for a refusal has words."""

import ast
from pathlib import Path

import pytest

import tokenbooth
from tokenbooth.management.activity.reasons import known_reasons, words_for
from tokenbooth.protocol.errors import OAUTH_CODES

SOURCE = Path(tokenbooth.__file__).parent
FOLDERS = ("server", "protocol", "guard", "management/rest")
# Whose first argument is a reason, perhaps put behind a beginning.
BEGINNINGS = {
    "TokenRefused": ("", "assertion_", "refresh_", "subject_token_", "actor_token_"),
    "ProofRefused": ("proof_",),
    "bad_token": ("registration_",),
    "Failure": ("",),
    "_unavailable": ("",),
}
# Words in the same place that are no reasons of a refusal of a request.
OTHERS = {"server/key_keeping.py", "server/audit.py", "server/records.py"}


def literal(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def beginnings_of(name, path):
    # What makes a trusted token unfit is said as it is.
    is_whole = path.name == "federation.py" or path.parent.name == "proofs"
    return ("",) if is_whole else BEGINNINGS[name]


def reasons_in(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for keyword in node.keywords:
            found = literal(keyword.value) if keyword.arg == "reason" else None
            if found is not None and " " not in found and found:
                yield found
        if name in BEGINNINGS and node.args and (first := literal(node.args[0])) is not None:
            yield from (beginning + first for beginning in beginnings_of(name, path))
        if name == "_not_good" and (second := literal(node.args[1])) is not None:
            yield from (f"{kind}_{second}" for kind in ("subject_token", "actor_token"))


def all_reasons():
    found = set(OAUTH_CODES)
    for folder in FOLDERS:
        for path in (SOURCE / folder).rglob("*.py"):
            if path.relative_to(SOURCE).as_posix() not in OTHERS:
                found |= set(reasons_in(path))
    # Made of parts, or returned as a text.
    found |= {"failures_of_client", "failures_of_source", "wrong_certificate", "server_error"}
    found |= {"unverified_certificate", "certificate_out_of_date", "issuer_not_trusted"}
    found |= {
        "issuer_distrusted",
        "issuer_answers_500",
        "no_jwks_uri",
        "no_introspection_endpoint",
        "internal_error",
    }
    return sorted(found)


@pytest.mark.parametrize("reason", all_reasons())
def test_every_reason_has_words(reason):
    words = words_for(reason)

    assert words is not None
    assert words.why.endswith(".")
    assert words.remedy.endswith((".", "CLIENT."))


def test_many_reasons_are_found_in_the_source():
    assert len(all_reasons()) > 120


def test_no_words_for_what_is_no_reason():
    assert words_for("wrong_moon") is None
    assert "wrong_secret" in known_reasons()
