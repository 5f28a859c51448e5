"""The grammar of filters, and what it says of text that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_query.filters import FilterError, parse
from spanhouse_query.filters.ast import And, Attribute, Compare, Exists, Field, In, Node, Not, Or

SERVICE = Compare(Field("service"), "=", "cart")
SLOW = Compare(Field("duration"), ">", 250_000_000)
PRESENT = Exists(Attribute("any", "x"))
FAILED = Compare(Attribute("any", "http.response.status_code"), ">=", 500.0)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('service = "cart"', SERVICE),
        ('service="cart"', SERVICE),
        (
            'service = "cart" and duration > 250ms and http.response.status_code >= 500',
            And((SERVICE, SLOW, FAILED)),
        ),
        ('service = "cart" or duration > 250ms and not duration > 0.25s', Or((SERVICE, And((SLOW, Not(SLOW)))))),
        ('(service = "cart" or duration > 250ms) and duration > 250ms', And((Or((SERVICE, SLOW)), SLOW))),
        ("not not duration > 250ms", Not(Not(SLOW))),
        ('span."a b" = true', Compare(Attribute("span", "a b"), "=", True)),
        ('resource."k8s.pod" != "x"', Compare(Attribute("resource", "k8s.pod"), "!=", "x")),
        ('retries in (1, -2.5, "three")', In(Attribute("any", "retries"), (1.0, -2.5, "three"))),
        ("http.route exists", Exists(Attribute("any", "http.route"))),
        ('http.route =~ "^/items/"', Compare(Attribute("any", "http.route"), "=~", "^/items/")),
        ("kind = server", Compare(Field("kind"), "=", "server")),
        ('status in (error, "ok")', In(Field("status"), ("error", "ok"))),
        ('x = "\\"\\\\\\u00e9\\n"', Compare(Attribute("any", "x"), "=", '"\\é\n')),
        ("spans.of.mine = 1", Compare(Attribute("any", "spans.of.mine"), "=", 1.0)),
        ("service.name = 1", Compare(Attribute("any", "service.name"), "=", 1.0)),
        ('span."name" = 1', Compare(Attribute("span", "name"), "=", 1.0)),
        ("NOT duration > 250ms OR duration > 250ms AND x EXISTS", Or((Not(SLOW), And((SLOW, PRESENT))))),
    ],
)
def test_reads(text: str, meaning: Node) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, "a field, an attribute's name"),
        ("service", 7, "="),
        ("service = cart", 10, "a string in double quotes"),
        ('service > "a"', 8, "="),
        ("duration > 250", 11, "a duration such as 250ms"),
        ("duration exists", 9, "="),
        ("kind = rpc", 7, "server"),
        ('trace_id = "abc"', 11, "a trace id of 32 hexadecimal digits in double quotes"),
        ("x = 5ms", 4, "a number"),
        ("x < true", 4, "a number"),
        ("x =~ 5", 5, "a regular expression (RE2) in double quotes"),
        ("x = 1 y = 2", 6, "and"),
        ("x = 1 and", 9, "a field, an attribute's name"),
        ("(x = 1", 6, ")"),
        ("x in ()", 6, "a number"),
        ("x in (1, 2", 10, ")"),
        ("x = 1)", 5, "the end"),
        ("x = 'a'", 4, "a name, a value or an operator"),
        ('x = "a', 4, "a closing double quote"),
        ('span."a = 1', 5, "a closing double quote"),
        ("duration > 99999999999d", 11, "a duration of at most 292 years"),
        ("And = 1", 0, "a field, an attribute's name"),
        ('x = "\\q"', 4, "a string with the escapes of JSON"),
        ('x = "\\ud800"', 4, "a string with the escapes of JSON"),
        ("x = 1e999", 4, "a number of at most 1.7e308"),
        ("x ! 1", 2, "a name, a value or an operator"),
        ("(" * 50 + "x = 1", 40, "at most 40 levels of ( and not"),
        ("x" * 9000, 8192, "at most 8192"),
    ],
)
def test_says_where_it_is_wrong_and_what_was_expected(text: str, position: int, expected: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text)

    assert raised.value.position == position
    assert expected in raised.value.expected
    assert f"at position {position}" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1 y = 2", "at position 6: found y, expected 'and', 'or' or the end"),
        ("(x = 1", "at position 6: found the end, expected ')'"),
        ('x = "a', "at position 4: found a string that does not end, expected a closing double quote"),
        (
            "x = 'a'",
            "at position 4: found \"'a'\", expected a name, a value or an operator (text stands in double quotes)",
        ),
        (
            'span.http.route = "/"',
            'at position 0: found span.http.route, expected a field, an attribute\'s name (write span."http.route")',
        ),
    ],
)
def test_reads_well(text: str, message: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text)

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('name = "GET /"', "write operation"),
        ('resource.service.name = "web"', "write service"),
        ('resource.k8s.pod.name = "a"', 'write resource."k8s.pod.name"'),
        ('span:name = "a"', "write operation"),
        ('root_service = "web"', "not about the root"),
        ("traceDuration > 1s", "min_duration"),
        ('x = "a" && y = "b"', "write and"),
        ('x = "a" || y = "b"', "write or"),
        ('{ x = "a" }', "without braces"),
        ('.x = "a"', "without its leading dot"),
    ],
)
def test_knows_the_words_of_other_languages(text: str, advice: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text)

    assert advice in str(raised.value)


@given(st.text(alphabet='ab=~!<>()",. 0159ms\\andornotin', max_size=40) | st.text(max_size=30))
def test_answers_any_text_with_a_meaning_or_a_position(text: str) -> None:
    problem = problem_of(text)

    assert problem is None or (0 <= problem.position <= len(text) and problem.expected)


def problem_of(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None
