"""The alert rules speak of metrics, labels and values that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from spanhouse_cli.metrics_table import COLLECTOR, PROCESS, QUERY
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_query.problems import store_problem
from spanhouse_storage import QueryTimeout, QueryTooLarge, StoreError, StoreUnavailable
from spanhouse_storage.declared_metric import DeclaredMetric

from tests.deploy.conftest import DEPLOY, ROOT

GROUPS: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
LABELS_OF_SCRAPES = {"instance", "job", "le"}


def names_of(metric: DeclaredMetric) -> set[str]:
    """What a scrape has of it."""
    if metric.kind == "histogram":
        return {f"{metric.name}{suffix}" for suffix in ("_bucket", "_count", "_sum")}
    return {metric.name}


UP = DeclaredMetric("up", "gauge", "", "Whether a target was reached: Prometheus's own.", ("job",))
BY_NAME = {name: metric for metric in (*COLLECTOR, *QUERY, *PROCESS, UP) for name in names_of(metric)}


def values_of(name: str, label: str) -> set[str]:
    """What a label of that metric can be, of those that rules ask for."""
    if name == "spanhouse_query_requests_failed_total":
        errors = (QueryTimeout(""), QueryTooLarge(""), StoreUnavailable(""), StoreError(""))
        return {store_problem(error, "").kind for error in errors}
    if name == "up":
        return {"spanhouse"}
    registry = CollectorRegistry()
    Metrics(registry)
    samples = [sample for family in registry.collect() for sample in family.samples if sample.name == name]
    return {sample.labels[label] for sample in samples}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_metric_label_and_value_of_a_rule_exists(rule: dict[str, Any]) -> None:
    names = re.findall(r"\b(?:spanhouse_\w+|up\b)", rule["expr"])
    selections = re.findall(r"\b(spanhouse_\w+|up)\{(\w+)(?:=|=~)\"([^\"]+)\"\}", rule["expr"])
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in labels.split(",")}

    assert names
    assert [name for name in names if name not in BY_NAME] == []
    assert len(selections) == rule["expr"].count("{")
    for name, label, value in selections:
        assert label in BY_NAME[name].labels
        assert set(value.split("|")) <= values_of(name, label)
    assert grouped <= LABELS_OF_SCRAPES | {label for name in names for label in BY_NAME[name].labels}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    own = {label for name in re.findall(r"\b(?:spanhouse_\w+|up\b)", rule["expr"]) for label in BY_NAME[name].labels}
    assert shown <= LABELS_OF_SCRAPES | own


def test_operators_are_told_of_every_rule() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in told] == []


def test_no_two_rules_have_one_name() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
