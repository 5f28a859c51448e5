"""The reference against what can be worked out by hand from Prometheus' documentation."""

from __future__ import annotations

import math

import pytest

from tests.promql_conformance.reference.evaluator import Evaluator
from tests.promql_conformance.reference.parser import parse
from tests.promql_conformance.reference.syntax import Refused
from tests.promql_conformance.reference.vectors import Series, key

NOW = 1_000_000  # seconds


def series(labels: str, *samples: tuple[float, float | None]) -> Series:
    """labels: `name a=b c=d`. A sample: seconds before NOW, value."""
    name, *pairs = labels.split()
    found = {"__name__": name, **dict(pair.split("=", 1) for pair in pairs)}
    return Series(found, sorted((round((NOW - age) * 1000), value) for age, value in samples))


def answer(expression: str, *world: Series) -> dict[str, float]:
    """Each element's value by its labels, written as in `series` and in order of name."""
    vector = Evaluator(world, NOW * 1000, NOW * 1000).vector_or_scalar(parse(expression), NOW * 1000)
    return {" ".join(f"{name}={value}" for name, value in key(labels)): number for labels, number in vector}


def value(expression: str, *world: Series) -> float:
    """Of the only element."""
    (number,) = answer(expression, *world).values()
    return number


def test_a_sample_is_looked_back_for_less_than_five_minutes() -> None:
    assert answer("x", series("x", (299.999, 1))) == {"__name__=x": 1}
    assert answer("x", series("x", (300, 1))) == {}
    assert answer("x", series("x", (-0.001, 1))) == {}


def test_a_staleness_marker_ends_a_series_at_once() -> None:
    world = series("x", (60, 1), (30, None))

    assert answer("x", world) == {}
    assert answer("x offset 31s", world) == {"__name__=x": 1}
    assert value("count_over_time(x[5m])", world) == 1


def test_a_window_has_its_right_border_and_not_its_left_one() -> None:
    world = series("x", (120, 1), (60, 10), (0, 100))

    assert value("sum_over_time(x[2m])", world) == 110
    assert value("sum_over_time(x[121s])", world) == 111
    assert value("sum_over_time(x[1m] offset 1m)", world) == 10


def test_increase_is_extended_to_the_borders_that_are_near() -> None:
    # 60 were gained in 60 s, and both borders of the 80 s are within 33 s.
    world = series("x", (70, 100), (40, 130), (10, 160))

    assert value("increase(x[80s])", world) == pytest.approx(60 * 80 / 60)
    assert value("rate(x[80s])", world) == pytest.approx(1)
    assert value("delta(x[80s])", world) == pytest.approx(80)


def test_increase_is_extended_by_half_a_distance_where_a_border_is_far() -> None:
    # The window begins 130 s before the first sample; samples are 30 s apart.
    world = series("x", (70, 100), (40, 130), (10, 160))

    assert value("increase(x[200s])", world) == pytest.approx(60 * (60 + 15 + 10) / 60)


def test_a_counter_is_not_extended_to_before_it_was_zero() -> None:
    # By its slope of 1 a second it was 0 five seconds before its first sample.
    world = series("x", (70, 5), (40, 35), (10, 65))

    assert value("increase(x[90s])", world) == pytest.approx(60 * (60 + 5 + 10) / 60)
    assert value("delta(x[90s])", world) == pytest.approx(60 * (60 + 20 + 10) / 60)


def test_a_counter_that_falls_began_anew() -> None:
    world = series("x", (50, 90), (40, 100), (30, 7), (20, 17), (10, 27))

    assert value("resets(x[1m])", world) == 1
    assert value("increase(x[1m])", world) == pytest.approx((10 + 7 + 20) * 60 / 40)
    assert value("irate(x[1m])", world) == 1
    assert value("irate(x[30s] offset 30s)", world) == pytest.approx(7 / 10)


def test_a_line_is_drawn_by_least_squares_from_now() -> None:
    world = series("x", (40, 1), (20, 5), (0, 9))

    assert value("deriv(x[1m])", world) == pytest.approx(0.2)
    assert value("predict_linear(x[1m], 100)", world) == pytest.approx(29)
    assert value("predict_linear(x[1m] offset -10s, 100)", world) == pytest.approx(29)


def test_a_subquery_is_evaluated_at_multiples_of_its_step() -> None:
    world = series("x", (0, 1))
    at_multiples = sum(at for at in range(NOW - 299, NOW + 1) if at % 70 == 0)

    assert value("sum_over_time(vector(time())[5m:70s])", world) == at_multiples
    assert value("count_over_time(vector(1)[5m:])", world) == 5


def test_a_quantile_lies_between_ranks() -> None:
    world = series("x", (40, 4), (30, 1), (20, 3), (10, 2))

    assert value("quantile_over_time(0.5, x[1m])", world) == 2.5
    assert value("quantile_over_time(0.25, x[1m])", world) == 1.75
    assert value("quantile_over_time(2, x[1m])", world) == math.inf


def test_a_quantile_of_a_histogram_lies_within_a_bucket() -> None:
    counts = {"0.5": 10.0, "1": 30.0, "2": 40.0, "+Inf": 50.0}
    world = [series(f"h_bucket job=a le={le}", (1, count)) for le, count in counts.items()]

    assert answer("histogram_quantile(0.1, h_bucket)", *world) == {"job=a": pytest.approx(0.25)}
    assert value("histogram_quantile(0.5, h_bucket)", *world) == pytest.approx(0.5 + 0.5 * 15 / 20)
    assert value("histogram_quantile(0.95, h_bucket)", *world) == 2
    assert math.isnan(value('histogram_quantile(0.5, h_bucket{le!="+Inf"})', *world))


def test_vectors_match_one_to_one_by_all_labels_but_the_name() -> None:
    world = [series("a job=x code=1", (1, 6)), series("a job=y code=1", (1, 8)), series("b job=x code=1", (1, 2))]

    assert answer("a / b", *world) == {"code=1 job=x": 3}
    assert answer("a > b", *world) == {"__name__=a code=1 job=x": 6}
    assert answer("a > bool b", *world) == {"code=1 job=x": 1}
    assert answer("a / on (job) b", *world) == {"job=x": 3}
    assert answer("a unless b", *world) == {"__name__=a code=1 job=y": 8}


def test_many_match_one_where_a_side_is_named() -> None:
    world = [series("a job=x code=1", (1, 6)), series("a job=x code=2", (1, 8)), series("b job=x owner=z", (1, 2))]

    assert answer("a / on (job) group_left (owner) b", *world) == {"code=1 job=x owner=z": 3, "code=2 job=x owner=z": 4}
    assert answer("b - on (job) group_right () a", *world) == {"code=1 job=x": -4, "code=2 job=x": -6}
    with pytest.raises(Refused):
        answer("a / on (job) b", *world)


def test_what_is_absent_has_the_labels_that_were_asked_for() -> None:
    assert answer('absent(x{job="a", code!="1", zone=~"b"})') == {"job=a": 1}
    assert answer("absent(x)", series("x", (1, 0))) == {}


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("7 - 2 - 1", 4),
        ("1 + 2 * 3 % 4", 3),
        ("-7 % 4", -3),
        ("1 + 1 == bool 2", 1),
        ("1 / 0", math.inf),
    ],
)
def test_operators_bind_as_documented(expression: str, number: float) -> None:
    assert value(expression) == number
