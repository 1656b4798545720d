"""Which tokens of a trusted issuer speak for a client: rules on any of their claims.

One issuer signs for everybody who uses it, so what it signed counts only as far as the rules say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenbooth.protocol.errors import ProtocolError

MAX_RULES = 20
MAX_CLAIM_LENGTH = 200
MAX_PATTERN_LENGTH = 1000
_MOST_DOTS = 8  # each one doubles the places where a claim may be
_MOST_VALUES = 1000  # looked at in one array

# Claims that say who it is, where issuers are known to have them. Not job_workflow_ref: it names a
# workflow that is called, and a public one may be called from anybody's repository.
_IDENTITIES = frozenset(
    (
        "sub",
        "repository",
        "repository_id",
        "project_path",
        "project_id",
        "client_id",
        "azp",
        "appid",
        "oid",
        "kubernetes.io.serviceaccount.name",
        "kubernetes.io.serviceaccount.uid",
    )
)
_SERVICE_ACCOUNT = "kubernetes.io.serviceaccount.name"
_NAMESPACE = "kubernetes.io.namespace"
# Issuers that sign for the whole world: a rule must name an owner there, not only a kind.
_SHARED_ISSUERS = frozenset(
    (
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com",
        "https://api.bitbucket.org",
        "https://accounts.google.com",
        "https://oidc.circleci.com",
        "https://agent.buildkite.com",
        "https://app.terraform.io",
    )
)


class ClaimRuleRefused(ProtocolError):
    """A rule that cannot be understood, or that would let too many in; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRule:
    """A claim, dots leading into nested ones, and what it must be; `*` stands for any text."""

    claim: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.claim}={self.pattern}"

    def holds(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether the claim, or one element of it, fits."""
        found = list(_find(claims, self.claim))
        # Two places of one name: nobody can say which of them the rule is about.
        if len(found) != 1:
            return False
        value = found[0]
        values = value[:_MOST_VALUES] if isinstance(value, list) else [value]
        return any(text is not None and _fits(self.pattern, text) for text in map(_text, values))


def parse_rule(text: str) -> ClaimRule:
    """Read `claim=pattern`; raises ClaimRuleRefused."""
    claim, equals, pattern = text.partition("=")
    if not equals or not claim or not pattern:
        raise ClaimRuleRefused("Write a rule as claim=value, for example sub=repo:org/app:*")
    if len(claim) > MAX_CLAIM_LENGTH or len(pattern) > MAX_PATTERN_LENGTH:
        raise ClaimRuleRefused("A claim's name or value is too long for a rule.")
    if not claim.isprintable() or not pattern.isprintable() or claim != claim.strip():
        raise ClaimRuleRefused("A rule is one line of printable characters.")
    if claim.count(".") > _MOST_DOTS:
        raise ClaimRuleRefused(f"A claim has at most {_MOST_DOTS} dots.")
    return ClaimRule(claim=claim, pattern=pattern)


def all_hold(rules: Sequence[ClaimRule], claims: Mapping[str, Any]) -> bool:
    """Tell whether the claims fit every rule; without rules they fit none."""
    return bool(rules) and all(rule.holds(claims) for rule in rules)


def refuse_unspecific(rules: Sequence[ClaimRule], issuer: str) -> None:
    """Raise ClaimRuleRefused for rules that somebody else's workload could fit."""
    if len(rules) > MAX_RULES:
        raise ClaimRuleRefused(f"A trusted identity has at most {MAX_RULES} rules.")
    if any(_is_specific(rule, rules, issuer) for rule in rules):
        return
    raise ClaimRuleRefused(
        "Say who may come by a rule on sub (or another claim that names one workload): exact, "
        "or with the first * behind a : or / and a name of yours in front of it, "
        "for example sub=repo:my-org/my-app:*"
    )


def _is_specific(rule: ClaimRule, rules: Sequence[ClaimRule], issuer: str) -> bool:
    if rule.claim not in _IDENTITIES:
        return False
    if rule.claim == _SERVICE_ACCOUNT:
        # The name alone is anybody's who may make a namespace.
        return "*" not in rule.pattern and any(
            other.claim == _NAMESPACE and "*" not in other.pattern for other in rules
        )
    before, star, _ = rule.pattern.partition("*")
    if not star:
        return True
    # my-org* would also be my-org-of-somebody-else.
    if len(before) < 3 or before[-1] not in ":/":
        return False
    return issuer not in _SHARED_ISSUERS or "/" in before


def _find(node: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - JSON
    if not isinstance(node, Mapping):
        return
    if path in node:
        yield node[path]
    # Names may have dots of their own: kubernetes.io.namespace is "namespace" in "kubernetes.io".
    end = path.find(".")
    while end != -1:
        yield from _find(node.get(path[:end]), path[end + 1 :])
        end = path.find(".", end + 1)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Endless numbers are refused by Python when written; no honest claim is one.
        return str(value) if value.bit_length() <= 256 else None
    return value if isinstance(value, str) else None


def _fits(pattern: str, text: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    # Piece by piece from the left: never back, so no pattern takes long.
    for piece in middle:
        found = text.find(piece, position, end)
        if found == -1:
            return False
        position = found + len(piece)
    return text.endswith(last)
