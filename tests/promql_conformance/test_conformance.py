"""Each expression of the table: Spanhouse against the reference, and both against the Prometheus of this machine."""

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
    agree(reference, spanhouse, case, who="Spanhouse, by the reference")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_prometheus_agrees(
    case: Case, prometheus_version: int, reference: Asked, prometheus: Asked, spanhouse: Asked
) -> None:
    skip_what_changed(case, prometheus_version)

    agree(prometheus, reference, case, who="the reference, by Prometheus")
    agree(prometheus, spanhouse, case, who="Spanhouse, by Prometheus")
