"""The dashboard and the alert rules ask for metrics and labels that there are."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tokenbooth.server.metrics import families

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/tokenbooth.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
SCRAPED = {"instance", "job", "le"}  # what Prometheus adds
LABELS = {label for family in families.ALL for label in family.labels} | SCRAPED
_NAME = re.compile(r"\b(?:tokenbooth|process)_\w+")
_LABELS = re.compile(r"\bby \(([^)]*)\)|\{\{ ?(?:\$labels\.)?(\w+) ?\}\}|(\w+)(?:=~|!~|!=|=)\"")


def names() -> set[str]:
    found = set()
    for family in families.ALL:
        if family.kind == "counter":
            found.add(f"{family.name}_total")
        elif family.kind == "histogram":
            found |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            found.add(family.name)
    return found


def labels_in(text: str) -> set[str]:
    return {
        label.strip()
        for groups in _LABELS.findall(text)
        for group in groups
        for label in group.split(",")
        if label.strip()
    }


def balanced(expression: str) -> bool:
    return all(expression.count(a) == expression.count(b) for a, b in ("()", "[]", "{}"))


EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_what_there_is(expression):
    asked = set(_NAME.findall(expression))
    assert asked
    assert asked <= names()
    assert labels_in(expression) <= LABELS
    assert balanced(expression)


def test_legends_and_texts_name_labels_that_there_are():
    legends = [t["legendFormat"] for panel in DASHBOARD["panels"] for t in panel["targets"]]
    texts = [text for rule in RULES for text in rule["annotations"].values()]
    for text in (*legends, *texts):
        assert labels_in(re.sub(r"\{\{ \$value[^}]*\}\}", "", text)) <= LABELS


def test_every_counted_metric_is_in_the_dashboard():
    shown = set(_NAME.findall(" ".join(EXPRESSIONS)))
    missing = {
        family.name
        for family in families.ALL
        if not any(name.startswith(family.name) for name in shown)
    }
    assert missing == {"process_start_time_seconds"}


def test_panels_and_alerts_have_names_of_their_own():
    for named in ([p["title"] for p in DASHBOARD["panels"]], [r["alert"] for r in RULES]):
        assert len(set(named)) == len(named)


def test_the_page_describes_every_metric_and_alert():
    page = (ROOT / "docs/metrics.md").read_text()
    wanted = {name for name in names() if not name.endswith(("_bucket", "_sum", "_count"))}
    assert {name for name in wanted if f"`{name}`" not in page} == set()
    assert {rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in page} == set()
