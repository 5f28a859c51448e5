"""The reference against the Prometheus of this machine."""

from __future__ import annotations

import pytest

from tests.promql_conformance.comparison import Asked, agree, skip_what_changed
from tests.promql_conformance.expressions import Case, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.text)
def test_prometheus_agrees_with_the_reference(
    case: Case, prometheus_version: int, reference: Asked, prometheus: Asked
) -> None:
    skip_what_changed(case, prometheus_version)

    agree(reference, prometheus, case)
