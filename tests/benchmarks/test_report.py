"""What becomes of figures: tables between marks, plots, trends, and how the answers are judged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.document_block import replace_block, table
from benchmarks.plot import Bar, Line, Panel, bars, nice_step, panels
from benchmarks.soak import MEASURES, trends
from benchmarks.suite.correctness import judge_map, judge_operations
from benchmarks.suite.report import wrong
from benchmarks.workloads import Edge, Operation, Truth

SVG = "{http://www.w3.org/2000/svg}"


def test_a_block_is_replaced_and_nothing_around_it(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- begin: a -->\nold\n<!-- end: a -->\nafter\n")
    replace_block(document, "a", "new\n")
    assert document.read_text() == "before\n<!-- begin: a -->\nnew\n<!-- end: a -->\nafter\n"


def test_a_document_without_the_block_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("nothing\n")
    with pytest.raises(SystemExit, match="begin: a"):
        replace_block(document, "a", "new")


def test_the_document_has_a_block_for_every_table() -> None:
    text = (Path(__file__).parents[2] / "docs/performance.md").read_text()
    for name in ("ingest goals", "peers", "latency", "overload", "correctness", "matrix", "profile", "soak"):
        assert text.count(f"<!-- begin: {name} -->\n") == text.count(f"\n<!-- end: {name} -->\n") == 1


def test_a_table_has_thousands_and_empty_cells() -> None:
    assert table(("a", "b", "c"), [("x", 12_345, None), ("y", 0.25, 1234.5)]) == (
        "| a | b | c |\n|---|---:|---:|\n| x | 12,345 |  |\n| y | 0.25 | 1,234 |\n"
    )


def test_bars_are_as_long_as_their_values() -> None:
    drawn = ElementTree.fromstring(bars("speed", [Bar("a & b", 10), Bar("c", 5, 4, 6)], "spans"))
    widths = [float(rect.attrib["width"]) for rect in drawn.iter(f"{SVG}rect")][1:]
    assert widths[1] == pytest.approx(widths[0] / 2, abs=0.1)


def test_lines_stay_within_their_panel() -> None:
    points = [(float(x), float(x * x)) for x in range(10)]
    drawn = ElementTree.fromstring(panels([Panel("a", [Line("", points)], "MB", limit=100)], "s"))
    height = float(drawn.attrib["viewBox"].split()[3])
    for line in drawn.iter(f"{SVG}polyline"):
        assert all(0 <= float(pair.split(",")[1]) <= height for pair in line.attrib["points"].split())


@pytest.mark.parametrize(("most", "step"), [(1, 0.2), (10, 2), (7, 2), (49, 10), (100, 20), (0.3, 0.1)])
def test_axes_have_round_steps(most: float, step: float) -> None:
    assert nice_step(most) == pytest.approx(step)


def samples(**growing: float) -> list[dict[str, float]]:
    """A hundred samples in which everything is 1000 or so, and some things grow by so much each time."""
    return [
        {"seconds": number, **{one.name: 1000 + number % 3 + number * growing.get(one.name, 0) for one in MEASURES}}
        for number in range(100)
    ]


def test_what_swings_levels_off() -> None:
    assert all(found["level"] for found in trends(samples()))


def test_what_grows_on_does_not_level_off() -> None:
    assert [found["measure"] for found in trends(samples(memory=20)) if not found["level"]] == ["memory"]


def test_what_grew_at_first_levels_off() -> None:
    early = [{**sample, "memory": min(1000, 20 * sample["seconds"])} for sample in samples()]
    assert all(found["level"] for found in trends(early))


TRUTH = Truth(
    Counter({Edge("a", "b", "rpc"): 2, Edge("b", "c", "rpc"): 1}),
    {
        Operation("a", "x", "server"): [100, 200, 300],
        Operation("a", "y", "server"): [100],
        Operation("c", "z", "server"): [1],
    },
)


def edge(client: str, server: str, calls: int) -> dict[str, object]:
    return {"client": client, "server": server, "connection": "rpc", "calls": calls}


def test_a_map_is_judged_by_its_edges_and_their_calls() -> None:
    answer = {"edges": [edge("a", "b", 1), edge("a", "c", 7)], "meta": {"completeness": 0.5}}
    assert judge_map(TRUTH, answer) == {
        "edges": 2,
        "edges_found": 0.5,
        "edges_invented": 1,
        "calls_off": 0.6667,
        "completeness": 0.5,
    }


def test_operations_are_judged_by_their_spans_and_their_worst_quantile() -> None:
    latency = {"p50": 210, "p90": 280, "p95": 290, "p99": 298}
    row = {"operation": "x", "kind": "server", "requests": 3, "latency_ns": latency}
    assert judge_operations(TRUTH, {"a": {"operations": [row]}, "b": None}) == {
        "operations": 2,
        "operations_listed": 0.5,
        "spans_off": 0.25,
        "worst_quantile_error": 0.05,
    }


def test_only_what_is_not_stored_exactly_once_is_wrong() -> None:
    assert not wrong({"matrix": [{"same_spans": True}], "kills": {"lost": 0, "duplicated": 0}})
    assert wrong({"matrix": [{"same_spans": False}]})
    assert wrong({"kills": {"lost": 0, "duplicated": 1}})
