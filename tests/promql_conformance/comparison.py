"""Comparing what two sources answer to an expression of the table."""

from __future__ import annotations

from functools import cache

import pytest

from tests.promql_conformance.answers import Answer, Reference, Server, disagreement
from tests.promql_conformance.expressions import Case


class Asked:
    """Asks each thing once, because one answer is compared with several."""

    def __init__(self, source: Reference | Server) -> None:
        self._instant, self._range = cache(source.instant), cache(source.range)

    def both(self, expression: str) -> tuple[Answer, Answer]:
        """At an instant, and over a range."""
        return self._instant(expression), self._range(expression)


def agree(expected: Asked, actual: Asked, case: Case) -> None:
    """Or fail with what they disagree about first."""
    instant, ranged = expected.both(case.expression)
    got_instant, got_ranged = actual.both(case.expression)
    sorts = case.text.startswith("sort")
    found = disagreement(instant, got_instant, in_order=sorts) or disagreement(ranged, got_ranged)
    if found:
        pytest.fail(found, pytrace=False)


def skip_what_changed(case: Case, version: int) -> None:
    """Where Prometheus 3 answers otherwise than the one that is asked."""
    if case.only_3 is not None and version < 3:
        pytest.skip(f"only Prometheus 3: {case.only_3}")
