"""Regular expressions are RE2's, in matchers and in label_replace, and cannot keep the service busy."""

from __future__ import annotations

import pytest

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at, instant
from tests.query.service import Service
from tests.support.metrics import gauge, number


@pytest.mark.parametrize(
    ("text", "expression", "replacement", "expected"),
    [
        ("pod-12", "pod-(.*)", "$1", "12"),
        ("pod-12", "(pod)-(.*)", "${2}/${1}", "12/pod"),
        ("pod-12", "(?P<kind>[a-z(]+)-(?P<number>[0-9]+)", "${number}-$kind", "12-pod"),
        ("pod-12", r"\(?(?:pod)-(?P<n>..)", "$n", "12"),
        ("pod-12", "pod-(.*)", "$2", None),
        ("pod-12", "pod", "x", None),
        ("pod-12", ".*", "$$1", "$1"),
        ("two\nlines", "two.(.*)", "$1", "lines"),
        ("", "(.*)", "none$1", "none"),
        ("Grüße", r"(\p{L}+)", "$1", "Grüße"),
    ],
)
def test_a_label_is_made_of_another(
    service: Service, tenant: str, text: str, expression: str, replacement: str, expected: str | None
) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, {"from": text}, at=at(0)), unit="")]})
    quoted = expression.replace("\\", "\\\\")

    (one,) = instant(service, tenant, f'label_replace(g, "to", "{replacement}", "from", "{quoted}")', 60)

    assert one["metric"].get("to") == expected


def test_an_expression_that_would_take_for_ever_elsewhere_does_not(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, {"from": "a" * 5000}, at=at(0)), unit="")]})

    assert len(instant(service, tenant, 'label_replace(g, "to", "x", "from", "(a+)+b")', 60)) == 1
    assert instant(service, tenant, 'g{from=~"(a+)+b"}', 60) == []
    assert instant(service, tenant, '{__name__=~".*.*.*.*.*.*.*.*.*.*.*.*b"}', 60) == []


@pytest.mark.parametrize("query", ['label_replace(vector(1), "to", "x", "from", "(")', 'g{from=~"\\\\u{1F600}"}'])
def test_an_expression_that_cannot_be_read_is_told(service: Service, tenant: str, query: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, {"from": "a"}), unit="")]})

    response = service.response(f"{API}/query", {"query": query}, tenant=tenant)

    assert (response.status_code, response.json()["errorType"]) == (400, "bad_data")
