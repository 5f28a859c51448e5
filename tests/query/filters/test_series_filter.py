"""The filter language about series: one grammar, other names."""

from __future__ import annotations

import pytest
from spanhouse_query.filters import SERIES, FilterError, parse, parse_names
from spanhouse_query.filters.ast import And, Attribute, Compare, Field, In


def test_words_that_are_fields_of_spans_are_attributes_of_series() -> None:
    found = parse('service = "web" and status in ("ok", 5) and duration > 3', SERIES)
    assert found == And(
        (
            Compare(Field("service"), "=", "web"),
            In(Attribute("any", "status"), ("ok", 5.0)),
            Compare(Attribute("any", "duration"), ">", 3.0),
        )
    )


def test_says_whose_an_attribute_is() -> None:
    assert parse('point."a b" = 1', SERIES) == Compare(Attribute("point", "a b"), "=", 1.0)
    assert parse('resource."a b" = 1', SERIES) == Compare(Attribute("resource", "a b"), "=", 1.0)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('span."x" = 1', 'expected point."…" or resource."…"'),
        ("span.x = 1", 'write point."x"'),
        ("resource.host.name exists", 'write resource."host.name"'),
        ('resource.service.name = "web"', "write service"),
    ],
)
def test_says_what_to_write_instead(text: str, advice: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, SERIES)
    assert advice in str(caught.value)


def test_a_span_has_no_points() -> None:
    with pytest.raises(FilterError, match=r'found point."x", expected span\."…" or resource\."…"'):
        parse('point."x" = 1')


def test_reads_lists_of_names() -> None:
    text = 'service, status,resource.host.name, resource."a,b", point.x, http.route'
    assert parse_names(text, SERIES) == [
        Field("service"),
        Attribute("any", "status"),
        Attribute("resource", "host.name"),
        Attribute("resource", "a,b"),
        Attribute("point", "x"),
        Attribute("any", "http.route"),
    ]


@pytest.mark.parametrize("text", ["", "a,", ",a", "a b", "a = 1", "and", 'span."x"'])
def test_refuses_what_is_no_list_of_names(text: str) -> None:
    with pytest.raises(FilterError):
        parse_names(text, SERIES)
