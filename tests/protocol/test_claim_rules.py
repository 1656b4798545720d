"""Rules on the claims of a trusted issuer's tokens: what fits, and what would let too many in."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenbooth.protocol.claim_rules import (
    MAX_RULES,
    ClaimRule,
    ClaimRuleRefused,
    all_hold,
    parse_rule,
    refuse_unspecific,
)

GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "my-org/flows/.github/workflows/deploy.yml@refs/heads/main"
CLUSTER = "https://kubernetes.default.svc.cluster.local"
POD = {
    "sub": "system:serviceaccount:shop:till",
    "kubernetes.io": {
        "namespace": "shop",
        "serviceaccount": {"name": "till", "uid": "1-2"},
        "pod": {"name": "till-x"},
    },
}


def holds(rule, claims):
    return parse_rule(rule).holds(claims)


@pytest.mark.parametrize(
    ("rule", "text", "fits"),
    [
        ("sub=a", "a", True),
        ("sub=a", "A", False),
        ("sub=a", "ab", False),
        ("sub=a*", "a", True),
        ("sub=a*", "ba", False),
        ("sub=*a", "ba", True),
        ("sub=*a*", "bab", True),
        ("sub=a*a", "a", False),
        ("sub=a*a", "aa", True),
        ("sub=ab*ba", "aba", False),
        ("sub=a*b*c", "a-b-b-c", True),
        ("sub=a*b*c", "a-c-b", False),
        ("sub=a**c", "ac", True),
        ("sub=repo:org/app:*", "repo:org/app:ref:refs/heads/main", True),
        ("sub=repo:org/app:*", "repo:org/app-evil:ref:refs/heads/main", False),
        ("sub=a?c", "abc", False),
        ("sub=[ab]", "a", False),
        ("sub=a.c", "abc", False),
        ("sub=a=b", "a=b", True),
    ],
)
def test_a_star_stands_for_any_text_and_nothing_else_is_special(rule, text, fits):
    assert holds(rule, {"sub": text}) is fits


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ("kubernetes.io.namespace=shop", True),
        ("kubernetes.io.namespace=bank", False),
        ("kubernetes.io.serviceaccount.name=till", True),
        ("kubernetes.io.pod.name=till-*", True),
        ("kubernetes.io.pod=*", False),
        ("kubernetes.io=*", False),
        ("kubernetes.namespace=shop", False),
    ],
)
def test_dots_lead_into_nested_claims_whose_names_have_dots_themselves(rule, fits):
    assert holds(rule, POD) is fits


def test_a_claim_that_may_be_in_two_places_fits_nothing():
    assert not holds("a.b=x", {"a.b": "x", "a": {"b": "x"}})


@pytest.mark.parametrize(
    ("value", "rule", "fits"),
    [
        (["x", "y"], "g=y", True),
        (["x", "y"], "g=z", False),
        ([["y"]], "g=y", False),
        ([], "g=*", False),
        (True, "g=true", True),
        (False, "g=true", False),
        (True, "g=1", False),
        (7, "g=7", True),
        (7.0, "g=7*", False),
        (None, "g=*", False),
        ({}, "g=*", False),
        pytest.param(10**5000, "g=*", False, id="endless"),
    ],
)
def test_arrays_fit_by_one_element_and_only_texts_numbers_and_booleans_fit(value, rule, fits):
    assert holds(rule, {"g": value}) is fits


def test_every_rule_must_hold_and_none_is_not_enough():
    rules = [parse_rule("a=1"), parse_rule("b=2")]
    assert all_hold(rules, {"a": "1", "b": "2"})
    assert not all_hold(rules, {"a": "1", "b": "3"})
    assert not all_hold([], {"a": "1"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sub",
        "=x",
        "sub=",
        " sub=x",
        "sub\n=x",
        "sub=x\n",
        "a.b.c.d.e.f.g.h.i.j=x",
        "x" * 300 + "=y",
    ],
)
def test_refuses_what_is_no_rule(text):
    with pytest.raises(ClaimRuleRefused):
        parse_rule(text)


@pytest.mark.parametrize(
    ("issuer", "rules"),
    [
        (GITHUB, ["sub=repo:my-org/my-app:*"]),
        (GITHUB, ["sub=repo:my-org/*"]),
        (GITHUB, ["repository=my-org/my-app", "ref=refs/heads/main"]),
        (GITHUB, ["repository_id=123"]),
        (GITHUB, ["repository=my-org/my-app", f"job_workflow_ref={WORKFLOW}"]),
        ("https://gitlab.com", ["project_path=group/*"]),
        (CLUSTER, ["sub=system:serviceaccount:shop:*"]),
        (CLUSTER, ["kubernetes.io.namespace=shop", "kubernetes.io.serviceaccount.name=till"]),
        ("https://id.example", ["sub=exact"]),
    ],
)
def test_accepts_rules_that_name_a_workload(issuer, rules):
    refuse_unspecific([parse_rule(rule) for rule in rules], issuer)


@pytest.mark.parametrize(
    ("issuer", "rules"),
    [
        (GITHUB, []),
        (GITHUB, ["sub=*"]),
        (GITHUB, ["sub=repo:*"]),
        (GITHUB, ["sub=repo:my-org*"]),
        (GITHUB, ["sub=*:my-org/my-app"]),
        (GITHUB, ["ref=refs/heads/main"]),
        (GITHUB, ["repository=*/my-app"]),
        (GITHUB, [f"job_workflow_ref={WORKFLOW}"]),  # whose repository calls it?
        ("https://gitlab.com", ["sub=project_path:*"]),
        (CLUSTER, ["kubernetes.io.namespace=shop"]),
        (CLUSTER, ["kubernetes.io.serviceaccount.name=till"]),
        (CLUSTER, ["kubernetes.io.namespace=s*", "kubernetes.io.serviceaccount.name=till"]),
        ("https://id.example", ["sub=a:*"]),
        ("https://id.example", ["sub=x"] * (MAX_RULES + 1)),
    ],
)
def test_refuses_rules_that_strangers_could_fit(issuer, rules):
    with pytest.raises(ClaimRuleRefused):
        refuse_unspecific([parse_rule(rule) for rule in rules], issuer)


_texts = st.text(alphabet="ab:/*.", max_size=12)


@given(_texts, _texts)
def test_a_pattern_fits_as_the_obvious_slow_matcher_says(pattern, text):
    def fits(p, t):
        if not p:
            return not t
        if p[0] == "*":
            return any(fits(p[1:], t[i:]) for i in range(len(t) + 1))
        return bool(t) and t[0] == p[0] and fits(p[1:], t[1:])

    assert ClaimRule(claim="sub", pattern=pattern).holds({"sub": text}) is fits(pattern, text)


@given(_texts)
def test_a_text_fits_itself(text):
    assume(text)
    assert ClaimRule(claim="sub", pattern=text).holds({"sub": text})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["a", "a.b", "b", "b.c"]), _json), _texts)
def test_whatever_the_claims_a_rule_holds_or_does_not(claims, pattern):
    for name in ("a", "a.b", "a.b.c", "c"):
        assert ClaimRule(claim=name, pattern=pattern).holds(claims) in (True, False)


@given(st.text())
def test_a_rule_that_was_read_reads_the_same_again(text):
    try:
        rule = parse_rule(text)
    except ClaimRuleRefused:
        return
    assert parse_rule(str(rule)) == rule


def test_no_pattern_takes_long():
    rule = parse_rule("sub=" + "a*" * 400 + "b")
    start = time.perf_counter()
    assert not rule.holds({"sub": "a" * 16_000})
    assert time.perf_counter() - start < 0.5
