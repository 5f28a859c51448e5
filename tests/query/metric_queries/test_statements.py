"""The statements about metrics as committed snapshots; see tests/query/test_statements.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from spanhouse_query.filters import SERIES, parse
from spanhouse_query.filters.compile import compile_filter
from spanhouse_query.metric_queries.attributes import attributes_sql, values_sql
from spanhouse_query.metric_queries.catalogue import CATALOGUE_SQL
from spanhouse_query.metric_queries.distributions import explicit_sql, exponential_sql
from spanhouse_query.metric_queries.grouping import read_grouping
from spanhouse_query.metric_queries.selected import selected_sql

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
FILTER = 'service = "web" and zone exists and n > 5'
CONDITION = f" AND {compile_filter(parse(FILTER, SERIES), {'zone'}).sql}"
SELECTED = selected_sql(CONDITION, read_grouping("service,zone,point.host,resource.region"))
STATEMENTS = {
    "metrics_catalogue": CATALOGUE_SQL,
    "metrics_attributes": attributes_sql(CONDITION),
    "metrics_attribute_values": values_sql("", "any"),
    "metrics_selected": SELECTED,
    "metrics_explicit_histograms": explicit_sql(),
    "metrics_exponential_histograms": exponential_sql(),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_the_committed_one(name: str) -> None:
    snapshot = SNAPSHOTS / f"{name}.sql"
    found = STATEMENTS[name].strip() + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(found)

    assert found == snapshot.read_text()


def test_names_are_bound() -> None:
    hostile = read_grouping('point."\'; DROP TABLE x"')
    assert "DROP" not in selected_sql("", hostile)
    assert hostile.parameters == {"group_0": "'; DROP TABLE x"}
