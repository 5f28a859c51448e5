"""What queries are answered with, whatever the metric: which one is meant, groups, steps, comparison, problems."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tests.query.metric_queries.feeding import MINUTE, START, feed, numbers, values
from tests.query.service import Service
from tests.support.metrics import DELTA, counter, gauge, number
from tests.support.spans import SECOND

RANGE = {"from": START, "to": START + 10 * MINUTE}
PATHS = ["/api/v1/metrics/query", "/api/v1/metrics/query_range", "/api/v1/metrics/trend"]


def minutes(sent: list[float], **attributes: str) -> list[Any]:
    """A point one second into each minute."""
    return [number(value, attributes, at=START + minute * MINUTE + SECOND) for minute, value in enumerate(sent)]


@pytest.mark.parametrize("path", PATHS)
def test_a_name_that_several_metrics_have_has_to_be_told_apart(service: Service, tenant: str, path: str) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([1.0] * 9)), gauge("m", *minutes([2.0] * 9), unit="By")]})
    feed(service, tenant, {"web": [counter("m", *minutes([3.0] * 9)), counter("m", *minutes([4.0]), monotonic=False)]})

    def problem(**asked: str) -> Any:
        response = service.response(path, {**RANGE, "metric": "m", **asked}, tenant=tenant)
        assert response.status_code == 400
        return response.json()

    first = problem()
    assert (first["parameter"], first["allowed"]) == ("type", ["gauge", "sum"])
    assert "a gauge in unit '1' and a gauge in unit 'By' and a sum that is not monotonic in unit '1'" in first["detail"]
    second = problem(type="gauge")
    assert (second["parameter"], second["allowed"]) == ("unit", ["1", "By"])
    third = problem(type="sum")
    assert (third["parameter"], third["allowed"]) == ("monotonic", ["false", "true"])
    told = service.get(path, {**RANGE, "metric": "m", "type": "gauge", "unit": "By"}, tenant=tenant)
    assert (told["metric"]["unit"], told["metric"]["aggregation"]) == ("By", "avg")
    told = service.get(path, {**RANGE, "metric": "m", "type": "sum", "monotonic": "true"}, tenant=tenant)
    assert (told["metric"]["value_unit"], told["metric"]["aggregation"]) == ("1/s", "rate")


@pytest.mark.parametrize("path", PATHS)
def test_a_metric_that_is_not_there_is_not_found_and_names_like_it_are_told(
    service: Service, tenant: str, path: str
) -> None:
    feed(service, tenant, {"web": [gauge("queue.size", number(1.0)), gauge("other", number(1.0))]})
    response = service.response(path, {"metric": "queue.sise"}, tenant=tenant)
    assert (response.status_code, response.json()["allowed"]) == (404, ["queue.size"])
    other = service.response(path, {"metric": "other", "unit": "By"}, tenant=tenant)
    assert (other.status_code, other.json()["detail"]) == (
        404,
        "there is no such metric 'other': it is a gauge in unit '1'",
    )


def test_temporalities_of_one_metric_are_read_alike(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [counter("m", *minutes([0, 5, 7]))]})
    feed(service, tenant, {"cart": [counter("m", *minutes([1, 2, 4]), temporality=DELTA)]})
    asked = {**RANGE, "metric": "m", "aggregation": "increase", "group_by": "service"}
    found = service.get("/api/v1/metrics/query", asked, tenant=tenant)
    assert numbers(found) == {("web",): 7, ("cart",): 7}
    assert found["metric"]["temporalities"] == ["cumulative", "delta"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("aggregation", "median"),
        ("aggregation", "pNN"),
        ("aggregation", "p101"),
        ("aggregation", "rate"),
        ("over_time", "increase"),
        ("over_time", "p95"),
        ("group_by", "a b"),
        ("group_by", "a,b,c,d,e,f"),
        ("q", "service ="),
        ("q", 'span."x" = 1'),
        ("q", 'x =~ "("'),
        ("staleness", "5"),
        ("limit", "0"),
        ("limit", "1001"),
        ("type", "counter"),
        ("monotonic", "yes"),
        ("metric", ""),
    ],
)
def test_refuses_parameters_it_cannot_use(service: Service, parameter: str, value: str) -> None:
    feed(service, "refusing", {"web": [gauge("m", number(1.0))]})
    for path in PATHS:
        response = service.response(path, {"metric": "m", parameter: value}, tenant="refusing")
        assert (response.status_code, response.json()["parameter"]) == (400, parameter)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"step": "0s"}, "step"),
        ({"step": "1.5ms"}, "step"),
        ({"step": "1ms"}, "step"),
        ({"step": "1s", "max_points": 100}, "step"),
        ({"max_points": 1}, "max_points"),
        ({"compare": "1ns"}, "compare"),
        ({"aggregation": "rate", "over_time": "increase"}, "over_time"),
        ({"aggregation": "last", "over_time": "avg"}, "over_time"),
    ],
)
def test_refuses_what_does_not_go_together(service: Service, asked: dict[str, Any], parameter: str) -> None:
    feed(service, "refusing", {"web": [counter("c", number(1.0))]})
    response = service.response("/api/v1/metrics/query_range", {"metric": "c", **asked}, tenant="refusing")
    assert (response.status_code, response.json()["parameter"]) == (400, parameter)


def test_the_step_makes_at_most_as_many_points_as_asked_for_and_is_told(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([1.0]))]})
    for length, most in (("5m", 120), ("1h", 30), ("1d", 50), ("30d", 10), ("3650d", 120)):
        asked = {"metric": "m", "from": f"now-{length}", "max_points": most}
        found = service.get("/api/v1/metrics/query_range", asked, tenant=tenant)
        assert found["step_ns"] % MINUTE == 0
        for series in found["series"]:
            assert 2 <= len(series["points"]) <= most


def test_a_moving_average_looks_back_over_the_begin_of_the_range(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([8.0, 2.0, 5.0, 11.0]))]})
    asked = {"metric": "m", "from": START + MINUTE, "to": START + 6 * MINUTE, "step": "1m"}

    found = service.get("/api/v1/metrics/query_range", {**asked, "moving_average": "150s"}, tenant=tenant)

    assert values(found) == {(): [5, 5, 6, 8, 11]}
    assert found["averaged_steps"] == 3


def test_compares_with_an_earlier_time(service: Service, tenant: str) -> None:
    feed(
        service,
        tenant,
        {
            "web": [gauge("m", *minutes([1, 2, 3, 4], host="a"), *minutes([5, 5], host="gone"))],
            "cart": [gauge("m", number(9.0, {"host": "new"}, at=START + 4 * MINUTE))],
        },
    )
    asked = {"metric": "m", "from": START + 2 * MINUTE, "to": START + 4 * MINUTE, "compare": "2m", "group_by": "host"}

    over_time = service.get("/api/v1/metrics/query_range", {**asked, "step": "1m"}, tenant=tenant)
    whole = service.get("/api/v1/metrics/query", asked, tenant=tenant)

    assert {
        series["group"]["host"]: [(point["value"], point["previous"]) for point in series["points"]]
        for series in over_time["series"]
    } == {"new": [(None, None), (9, None)], "a": [(3, 1), (4, 2)], "gone": [(None, 5), (None, 5)]}
    assert {
        one["group"]["host"]: (one["value"], one["previous"], one["change"], one["verdict"]) for one in whole["groups"]
    } == {"new": (9, None, None, None), "a": (3.5, 1.5, pytest.approx(2 / 1.5), "up"), "gone": (None, 5, None, None)}
    assert whole["compared_with"] == {"from": str(START), "to": str(START + 2 * MINUTE)} == over_time["compared_with"]


@pytest.mark.parametrize(("now", "verdict"), [(104, "stable"), (106, "up"), (94, "down")])
def test_a_change_of_more_than_five_in_a_hundred_is_up_or_down(
    service: Service, tenant: str, now: float, verdict: str
) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([100, now]))]})
    asked = {"metric": "m", "from": START + MINUTE, "to": START + 2 * MINUTE, "compare": "1m"}
    (group,) = service.get("/api/v1/metrics/query", asked, tenant=tenant)["groups"]
    assert group["verdict"] == verdict
    (group,) = service.get("/api/v1/metrics/query", {**asked, "threshold": 0.5}, tenant=tenant)["groups"]
    assert group["verdict"] == "stable"


def test_cuts_off_groups_aloud(service: Service, tenant: str) -> None:
    points = [point for host in range(4) for point in minutes([float(host)] * 3, host=str(host))]
    feed(service, tenant, {"web": [gauge("m", *points)]})
    for path, member in (("/api/v1/metrics/query", "groups"), ("/api/v1/metrics/query_range", "series")):
        asked = {**RANGE, "metric": "m", "group_by": "host", "limit": 2}
        found = service.get(path, asked, tenant=tenant)
        assert [one["group"]["host"] for one in found[member]] == ["3", "2"]
        assert found["meta"]["truncated"] is True
        assert service.get(path, {**asked, "limit": 4}, tenant=tenant)["meta"]["truncated"] is False


def test_says_what_the_answer_rests_on(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([1.0]))]})
    asked = {"metric": "m", "from": START + 90 * SECOND, "to": START + 150 * SECOND, "step": "1m"}
    meta = service.get("/api/v1/metrics/query_range", asked, tenant=tenant)["meta"]
    assert meta["effective"] == {"from": str(START + MINUTE), "to": str(START + 3 * MINUTE)}
    assert abs(int(meta["freshness"]) - time.time_ns()) < 60 * SECOND
    assert meta["rows_read"] > 0


def trend(service: Service, tenant: str, sent: list[float], **asked: Any) -> Any:
    feed(service, tenant, {"web": [gauge("m", *minutes(sent))]})
    asked = {"metric": "m", "from": START, "to": START + len(sent) * MINUTE, "step": "1m", **asked}
    found = service.get("/api/v1/metrics/trend", asked, tenant=tenant)
    (one,) = found["trends"]
    return one


def test_a_trend_has_a_line_a_season_a_forecast_and_a_verdict(service: Service, tenant: str) -> None:
    times = np.arange(60)
    sent = 100 + 0.5 * times + 10 * np.sin(2 * np.pi * times / 12)
    found = trend(service, tenant, sent.tolist(), horizon="6m")

    assert (found["n"], found["verdict"]) == (60, "up")
    assert found["line"]["slope"] == pytest.approx(0.5 / 60)
    assert found["line"]["slope_low"] <= found["line"]["slope"] <= found["line"]["slope_high"]
    assert found["line"]["change"] == pytest.approx(0.295, abs=0.02)
    assert found["season"]["period_ns"] == 12 * MINUTE
    assert found["season"]["amplitude"] == pytest.approx(10)
    later = np.arange(60, 66)
    expected = 100 + 0.5 * later + 10 * np.sin(2 * np.pi * later / 12)
    assert [point["value"] for point in found["forecast"]] == pytest.approx(expected.tolist())
    assert [point["t"] for point in found["forecast"]] == [str(START + int(minute) * MINUTE) for minute in later]
    level = trend(service, tenant, sent.tolist(), seasonal="false")
    assert (level["season"], len(level["forecast"])) == (None, 15)


def test_a_trend_of_too_few_values_is_none(service: Service, tenant: str) -> None:
    found = trend(service, tenant, [1.0, 2.0, 3.0])
    assert found == {"group": {}, "n": 3, "verdict": None, "line": None, "season": None, "forecast": None}


def test_a_trend_has_the_confidence_and_the_threshold_that_are_asked_for(service: Service, tenant: str) -> None:
    sent = (100 + 0.1 * np.arange(60) + np.random.default_rng(2).normal(size=60)).tolist()
    wide, narrow = trend(service, tenant, sent, confidence=0.99), trend(service, tenant, sent, confidence=0.5)
    assert wide["line"]["slope_low"] < narrow["line"]["slope_low"]
    assert wide["forecast"][0]["high"] > narrow["forecast"][0]["high"]
    assert (wide["verdict"], trend(service, tenant, sent, threshold=0.2)["verdict"]) == ("up", "stable")


def test_a_trend_leaves_out_the_step_that_is_running(service: Service, tenant: str) -> None:
    now = time.time_ns()
    points = [number(5, at=now - age * MINUTE) for age in range(1, 20)]
    feed(service, tenant, {"web": [counter("m", *points, temporality=DELTA)]})
    asked = {"metric": "m", "aggregation": "increase", "from": now - 20 * MINUTE, "to": now + 10 * MINUTE, "step": "1m"}
    (found,) = service.get("/api/v1/metrics/trend", asked, tenant=tenant)["trends"]
    assert found["verdict"] == "stable"
    assert 18 <= found["n"] <= 19


def test_a_horizon_too_far_is_refused(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("m", *minutes([1.0]))]})
    response = service.response("/api/v1/metrics/trend", {"metric": "m", "horizon": "30d"}, tenant=tenant)
    assert (response.status_code, response.json()["type"]) == (422, "query-too-large")
