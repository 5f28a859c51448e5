"""Comparing what two sources answer to an expression of the table."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol

import pytest

from tests.promql_conformance.answers import Answer, Reference, Server, disagreement
from tests.promql_conformance.expressions import Case


class Asked(Protocol):
    """Whoever is asked for each thing once, because one answer is compared with several."""

    def both(self, expression: str) -> tuple[Answer, Answer]:
        """At an instant, and over a range."""
        ...


class AskedInTurn:
    """When its answer is wanted."""

    def __init__(self, source: Reference | Server) -> None:
        self._instant, self._range = cache(source.instant), cache(source.range)

    def both(self, expression: str) -> tuple[Answer, Answer]:
        """See Asked."""
        return self._instant(expression), self._range(expression)


class AskedAhead:
    """For all expressions from the start, two at a time, so that no core waits. `close` ends it."""

    def __init__(self, source: Server, expressions: Iterable[str]) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._answers = {one: self._pool.submit(_both, source, one) for one in dict.fromkeys(expressions)}

    def both(self, expression: str) -> tuple[Answer, Answer]:
        """See Asked."""
        return self._answers[expression].result()

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(cancel_futures=True)


def _both(source: Server, expression: str) -> tuple[Answer, Answer]:
    return source.instant(expression), source.range(expression)


def agree(expected: Asked, actual: Asked, case: Case, *, who: str) -> None:
    """Or fail with what they disagree about first. who: whose answer it is, and by whom it is judged."""
    instant, ranged = expected.both(case.expression)
    got_instant, got_ranged = actual.both(case.expression)
    sorts = case.text.startswith("sort")
    found = disagreement(instant, got_instant, in_order=sorts) or disagreement(ranged, got_ranged)
    if found:
        pytest.fail(f"{who}: {found}", pytrace=False)


def skip_what_changed(case: Case, version: int) -> None:
    """Where Prometheus 3 answers otherwise than the one that is asked."""
    if case.only_3 is not None and version < 3:
        pytest.skip(f"only Prometheus 3: {case.only_3}")
