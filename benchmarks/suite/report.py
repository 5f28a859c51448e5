"""The tables and plots of docs/performance.md, from the document of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.document_block import replace_block, table
from benchmarks.plot import Bar, Line, Panel, bars, panels
from benchmarks.suite.goals import goals
from benchmarks.suite.stages import MERGING

Result = Mapping[str, Any]
# Segments are stored whole, so a rate needs some seconds.
_SMOOTHED = 4
_FORMS = (("gRPC", "identity"), ("gRPC", "gzip"), ("HTTP", "identity"), ("HTTP", "gzip"))


def tables(result: Result, saved: Path, document: Path) -> None:
    """Put the tables of the measures that the result has into their blocks."""
    replace_block(document, "ingest goals", f"{_where(result, saved)}\n\n{_goals(result)}")
    for name, make in (
        ("peers", _peers),
        ("latency", _latency),
        ("overload", _overload),
        ("correctness", _correctness),
        ("matrix", _matrix),
    ):
        if name in result:
            replace_block(document, name, make(result[name]))
    if "stages" in result and "matrix" in result:
        parts = (_why(result), _stages(result["stages"]), _profile(result["matrix"]))
        replace_block(document, "profile", "\n".join(parts))


def plots(result: Result, folder: Path) -> None:
    """Write the plots of the measures that the result has."""
    made: dict[str, Callable[[Any], str]] = {
        "peers": lambda found: bars("Ingest, one core", _peer_bars(found["contenders"]), "spans per CPU-second"),
        "latency": lambda found: bars("Acknowledgement", list(_latency_bars(found["levels"])), "ms"),
        "overload": lambda found: panels(_overload_panels(found), "s"),
    }
    for name, make in made.items():
        if name in result:
            (folder / f"performance-{name}.svg").write_text(make(result[name]), "utf-8")


def wrong(result: Result) -> bool:
    """Whether something that was acknowledged is not stored exactly once."""
    stores = [*result.get("matrix", []), *([result["overload"]] if "overload" in result else [])]
    killed = result.get("kills", {})
    return not all(one["same_spans"] for one in stores) or any(killed.get(name) for name in ("lost", "duplicated"))


def _where(result: Result, saved: Path) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    load = " before and ".join(f"{load:g}" for load in result["load_average"]) + " after"
    when = f"{result['date'][:10]}, load average {load}"
    return f"{result['machine']}; Python {result['python']}, {versions}; {when}; `{saved}`."


def _goals(result: Result) -> str:
    found = list(goals(result))
    head = ("", "goal", "measured", "met")
    rows = [(goal.what, goal.goal, goal.measured, "yes" if goal.met else "**no**") for goal in found]
    if missed := [goal.what for goal in found if not goal.met]:
        why = "[Where the CPU and the bytes go](#where-the-cpu-and-the-bytes-go) says why."
        return f"{table(head, rows)}\nMissed: {'; '.join(missed)}. {why}"
    return table(head, rows)


def _peers(found: Result) -> str:
    contenders = found["contenders"]
    peer = next((one for one in contenders if one["name"].startswith("rotel")), None)
    rows = [
        (
            f"{one['name']}, {one['packaging']} packaging",
            int(one["spans_per_cpu_second"]),
            f"{one['spans_per_cpu_second'] / peer['spans_per_cpu_second']:.2f}" if peer else None,
            int(one["spans_per_second"]),
            one["bytes_per_span"],
            int(one["peak_memory_mb"]),
        )
        for one in contenders
    ]
    head = ("", "spans per CPU-second", "ratio", "spans/s", "bytes per span", "peak MB")
    missing = f"\nWithout rotel: {found['without_rotel_because']}\n" if found["without_rotel_because"] else ""
    rounds = f"\nMedians of rounds: {found['rounds']} of {found['spans']:,} spans each. rotel {found['rotel']}.\n"
    return f"{table(head, rows)}{rounds}{missing}\n![Spans per CPU-second](images/performance-peers.svg)"


def _latency(found: Result) -> str:
    rows = [
        (
            f"{level['transport']}, {level['share']:.0%} of {found['maximum_spans_per_second']:,} spans/s",
            level["spans_per_second"],
            level["p50_ms"],
            level["p99_ms"],
        )
        for level in found["levels"]
    ]
    fresh = [(f"{one['share']:.0%}", one["probes"], one["median_s"], one["max_s"]) for one in found["freshness"]]
    return "\n".join(
        (
            table(("acknowledgement", "spans/s", "p50 ms", "p99 ms"), rows),
            table(("acknowledged to queryable, at", "probes", "median s", "longest s"), fresh),
            "![Milliseconds to the acknowledgement](images/performance-latency.svg)",
        )
    )


def _overload(found: Result) -> str:
    rows = [
        ("kept up before, spans/s", found["maximum_spans_per_second"]),
        ("offered, spans/s", found["offered_spans_per_second"]),
        ("acknowledged and stored, spans/s", found["spans_per_second"]),
        ("share of what was kept up before", f"{found['share_of_maximum']:.0%}"),
        ("requests acknowledged", found["accepted"]),
        ("requests refused, to be sent again", found["refused_retryable"]),
        ("requests refused otherwise", found["refused_otherwise"]),
        ("time to the answer, p99, ms", found["p99_ms"]),
        ("peak memory, MB", found["peak_memory_mb"]),
        ("spans acknowledged and not stored exactly once", found["spans_missing"]),
    ]
    return f"{table(('twice the maximum', ''), rows)}\n![Over time](images/performance-overload.svg)"


def _correctness(found: Sequence[Result]) -> str:
    rows = [
        (
            f"{row['workload']}{when}",
            *(
                f"{row[key][name]:.2%}"
                for name in (
                    "edges_found",
                    "calls_off",
                    "operations_listed",
                    "spans_off",
                    "worst_quantile_error",
                )
            ),
            row[key]["edges_invented"],
        )
        for row in found
        for key, when in (("live", ""), ("rolled_up", ", rolled up"))
        if key in row
    ]
    head = (
        "",
        "edges found",
        "calls off by",
        "operations listed",
        "spans off by",
        "worst quantile error",
        "edges invented",
    )
    return table(head, rows)


def _matrix(rows: Sequence[Result]) -> str:
    grouped: dict[tuple[str, str], dict[tuple[str, str], Result]] = {}
    for row in rows:
        grouped.setdefault((row["workload"], row["packaging"]), {})[row["transport"], row["encoding"]] = row
    head = (
        "spans per CPU-second",
        "spans a request",
        "bytes a span sent",
        *(" ".join(form) for form in _FORMS),
        "bytes a span stored",
        "peak MB",
    )
    lines = []
    for (workload, packaging), forms in grouped.items():
        plain = forms.get(_FORMS[0]) or next(iter(forms.values()))
        speeds = [forms[form]["spans_per_cpu_second"] if form in forms else None for form in _FORMS]
        peak = max(row["peak_memory_mb"] for row in forms.values())
        sizes = plain["spans_per_request"], plain["wire_bytes_per_span"]
        lines.append((f"{workload}, {packaging}", *sizes, *speeds, plain["bytes_per_span"], peak))
    return table(head, lines)


def _why(result: Result) -> str:
    """How the cost of a span at full speed divides, where that was measured too."""
    own = [one for one in result.get("peers", {}).get("contenders", ()) if one["name"] == "Spanhouse"]
    steps = result["stages"]
    inserted = sum(cost for name, cost in steps.items() if name != MERGING)
    largest = sorted(((cost, name) for name, cost in steps.items() if name != MERGING), reverse=True)[:4]
    dearest = ", ".join(f"{name} {cost:.2g}" for cost, name in largest)
    lines = [
        f"- {one['packaging']} packaging: {1e6 / one['spans_per_cpu_second']:.1f} µs of CPU a span. The insert is "
        f"{inserted:.1f} of them ({dearest}); the rest is receiving and those merges that were due."
        for one in own
    ]
    return "\n".join([*lines, ""])


def _stages(steps: Mapping[str, float]) -> str:
    rows = [(f"`{name}`" if name.endswith("_mv") else name, cost) for name, cost in steps.items()]
    inserted = sum(cost for name, cost in steps.items() if name != MERGING)
    return table(("storing a segment", "µs of CPU per span"), [*rows, ("all but merging", round(inserted, 2))])


def _profile(rows: Sequence[Result]) -> str:
    row = next((one for one in rows if one["workload"] == "mesh" and one["encoding"] == "identity"), rows[0])
    title = f"{row['workload']}, {row['packaging']} packaging, {row['transport']}"
    threads = [(name, f"{share:.0%}") for name, share in row["cpu_by_thread"].items()]
    stored = [(f"`{name}`", size) for name, size in row["bytes_by_table"].items() if size >= 0.1]
    return f"{table((f'thread ({title})', 'share of CPU'), threads)}\n{table(('table', 'bytes per span'), stored)}"


def _peer_bars(contenders: Iterable[Result]) -> list[Bar]:
    found = []
    for one in contenders:
        speeds = [each["spans_per_cpu_second"] for each in one["rounds"]]
        label, is_peer = f"{one['name']}, {one['packaging']}", one["name"].startswith("rotel")
        found.append(Bar(label, one["spans_per_cpu_second"], min(speeds), max(speeds), accent=is_peer))
    return found


def _latency_bars(levels: Iterable[Result]) -> Iterable[Bar]:
    for level in levels:
        for name in ("p50", "p99"):
            yield Bar(
                f"{level['transport']} at {level['share']:.0%}, {name}", level[f"{name}_ms"], accent=name == "p99"
            )


def _overload_panels(found: Result) -> list[Panel]:
    samples = found["samples"]
    stored = [
        (after["seconds"], (after["stored"] - before["stored"]) / (after["seconds"] - before["seconds"]))
        for before, after in zip(samples, samples[_SMOOTHED:], strict=False)
    ]
    return [
        Panel("stored; dashed: kept up before", [Line("", stored)], "spans/s", found["maximum_spans_per_second"]),
        Panel("memory", [Line("", [(one["seconds"], one["memory_mb"]) for one in samples])], "MB"),
        Panel("log", [Line("", [(one["seconds"], one["log_mb"]) for one in samples])], "MB"),
    ]
