"""What share of the expressions passed, for the end of a run."""

from __future__ import annotations

import pytest

_FOLDER = "tests/promql_conformance/"
_LINES = {
    "test_spanhouse_answers_as_documented": "PromQL conformance: {passed} of {ran} expressions",
    "test_prometheus_agrees": "Prometheus agrees with Spanhouse and the reference: {passed} of {ran} expressions",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line a comparison, without those that were skipped."""
    for test, line in _LINES.items():
        passed = _count(terminalreporter, test, "passed")
        ran = passed + _count(terminalreporter, test, "failed", "error")
        if ran:
            terminalreporter.write_line(line.format(passed=passed, ran=ran))


def _count(reporter: pytest.TerminalReporter, test: str, *outcomes: str) -> int:
    reports = [report for outcome in outcomes for report in reporter.stats.get(outcome, [])]
    return sum(report.nodeid.startswith(_FOLDER) and f"::{test}[" in report.nodeid for report in reports)
