"""Spanhouse against the reference, and against the Prometheus of this machine."""

from __future__ import annotations

import pytest

from tests.promql_conformance.comparison import Asked, agree, skip_what_changed
from tests.promql_conformance.expressions import Case, cases

CASES = cases()


def test_the_table_has_hundreds_of_different_expressions() -> None:
    texts = [case.text for case in CASES]

    assert len(texts) >= 300
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_spanhouse_answers_as_documented(case: Case, reference: Asked, spanhouse: Asked) -> None:
    agree(reference, spanhouse, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_prometheus_agrees_with_spanhouse(
    case: Case, prometheus_version: int, prometheus: Asked, spanhouse: Asked
) -> None:
    skip_what_changed(case, prometheus_version)

    agree(prometheus, spanhouse, case)
