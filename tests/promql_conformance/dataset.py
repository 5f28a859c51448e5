"""The samples that all expressions are evaluated over: two hours around a midnight, the same but for the day.

No sample of a metric but `border_*` stands where an evaluation takes place or a window may begin or end: instants of
evaluations have half seconds, windows and steps whole ones, and samples neither. What Prometheus's versions disagree
about, to which window a sample on its border belongs, is asked of `border_*` alone.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from tests.promql_conformance.reference.vectors import Labels, Series

DAY, MINUTE, SECOND = 86_400_000, 60_000, 1000
MIDNIGHT = (time.time_ns() // 1_000_000 // DAY - 1) * DAY
START = MIDNIGHT - 60 * MINUTE
AT = START + 80 * MINUTE + 500  # when expressions are evaluated that are not over a range
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.5, 2.5)

Sample = tuple[int, float | None]


@dataclass(frozen=True)
class Buckets:
    """A point of a histogram: observations between the bounds, not cumulative, with their sum; None ends the series."""

    at: int
    counts: Sequence[int] | None
    total: float = 0.0


@dataclass(frozen=True)
class Metric:
    """name: Prometheus's. sent_as, unit: what OpenTelemetry calls and measures it, so that the name comes out."""

    name: str
    type: Literal["gauge", "counter", "histogram"]
    sent_as: str
    unit: str = ""
    series: list[tuple[Labels, list[Sample]]] = field(default_factory=list)
    histograms: list[tuple[Labels, list[Buckets]]] = field(default_factory=list)

    def as_series(self) -> Iterator[Series]:
        """As Prometheus stores it."""
        for labels, samples in self.series:
            yield Series({"__name__": self.name, **labels}, samples)
        for labels, points in self.histograms:
            yield from _classic(self.name, labels, points)


def _classic(name: str, labels: Labels, points: Sequence[Buckets]) -> Iterator[Series]:
    def one(suffix: str, value: Callable[[Sequence[int], float], float], **more: str) -> Series:
        samples = [(point.at, None if point.counts is None else value(point.counts, point.total)) for point in points]
        return Series({"__name__": f"{name}_{suffix}", **labels, **more}, samples)

    for index, bound in enumerate((*BOUNDS, math.inf)):
        le = "+Inf" if bound == math.inf else f"{bound:g}"
        yield one("bucket", lambda counts, _, end=index + 1: float(sum(counts[:end])), le=le)  # type: ignore[misc]
    yield one("count", lambda counts, _: float(sum(counts)))
    yield one("sum", lambda _, total: total)


class _World:
    """Makes samples; everything that is random comes from one seed."""

    def __init__(self) -> None:
        self.random = random.Random(20_260_401)

    def times(
        self, *, every: int = 30 * SECOND, between: tuple[int, int] = (0, 120), gaps: Iterable[tuple[int, int]] = ()
    ) -> list[int]:
        """Instants a bit off a regular beat. between, gaps: minutes from the start of the data."""
        phase = self.random.randrange(every // SECOND) * SECOND
        first, last = START + between[0] * MINUTE, START + between[1] * MINUTE
        beats = range(first + phase, last, every)
        holes = [(START + start * MINUTE, START + end * MINUTE) for start, end in gaps]
        found = [beat + self.random.randint(20, 480) for beat in beats]
        return [at for at in found if not any(start <= at < end for start, end in holes)]

    def counted(self, times: Sequence[int], *, per_beat: float, restarts: Sequence[int] = ()) -> list[Sample]:
        """A counter that is 0 again at the given minutes."""
        level, samples, before = self.random.randrange(500), list[Sample](), 0
        for at in times:
            if any(before < START + minute * MINUTE <= at for minute in restarts):
                level = 0
            level += int(self.random.expovariate(1 / per_beat))
            samples.append((at, float(level)))
            before = at
        return samples

    def wandered(self, times: Sequence[int], *, level: float, step: float, whole: bool = False) -> list[Sample]:
        """A gauge that goes up and down, and not below 0 where it counts something."""
        samples: list[Sample] = []
        for at in times:
            level += self.random.uniform(-step, step)
            level = abs(level) if whole else level
            samples.append((at, float(round(level)) if whole else level))
        return samples

    def observed(self, times: Sequence[int], *, typical: float, restarts: Sequence[int] = ()) -> list[Buckets]:
        """A histogram that is empty again at the given minutes."""
        counts, total, points, before = [0] * (len(BOUNDS) + 1), 0.0, list[Buckets](), 0
        for at in times:
            if any(before < START + minute * MINUTE <= at for minute in restarts):
                counts, total = [0] * (len(BOUNDS) + 1), 0.0
            for _ in range(self.random.randrange(12)):
                seconds = self.random.lognormvariate(math.log(typical), 1)
                counts[next((i for i, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))] += 1
                total += seconds
            points.append(Buckets(at, tuple(counts), total))
            before = at
        return points


def _ended(samples: list[Sample], *, minute: int) -> list[Sample]:
    """With a staleness marker, and nothing until a minute has gone by since."""
    end = START + minute * MINUTE + 777
    before = [sample for sample in samples if sample[0] < end]
    after = [sample for sample in samples if sample[0] > end + MINUTE]
    return [*before, (end, None), *after]


def _requests(world: _World) -> Metric:
    metric = Metric("http_requests_total", "counter", "http.requests", "{request}")
    life: dict[str, tuple[tuple[int, int], list[int], list[tuple[int, int]]]] = {
        "a:80": ((0, 120), [], [(60, 69)]),
        "a:81": ((0, 120), [47], []),
        "w:80": ((0, 120), [31, 88], [(20, 22)]),
        "w:81": ((40, 120), [], []),
    }
    for instance, (between, restarts, gaps) in life.items():
        for method in ("get", "post"):
            for code in ("200", "500"):
                if (instance, method, code) == ("w:81", "post", "500"):
                    continue
                labels = _at(instance, method=method, code=code)
                per_beat = (40 if method == "get" else 9) / (1 if code == "200" else 8)
                samples = world.counted(world.times(between=between, gaps=gaps), per_beat=per_beat, restarts=restarts)
                metric.series.append((labels, _ended(samples, minute=104) if instance == "a:81" else samples))
    return metric


def _at(instance: str, **labels: str) -> dict[str, str]:
    return {"job": {"a": "api", "w": "web"}[instance[0]], "instance": instance, **labels}


def _temperatures(world: _World) -> Metric:
    metric = Metric("temperature_celsius", "gauge", "temperature", "Cel")
    rooms = [("north", "attic", -12.0), ("north", "cellar", 4.0), ("south", "attic", 0.0), ("south", "kitchen", 21.0)]
    for site, room, level in rooms:
        gaps = [(33, 41), (70, 73)] if room == "attic" else []
        samples = world.wandered(world.times(gaps=gaps), level=level, step=1.5)
        metric.series.append(({"job": "sensors", "site": site, "room": room}, samples))
    return metric


def _queues(world: _World) -> Metric:
    metric = Metric("queue_length", "gauge", "queue.length")
    for queue, between in {"mail": (0, 120), "print": (0, 120), "fax": (15, 71), "push": (66, 120)}.items():
        samples = world.wandered(world.times(between=between), level=40, step=9, whole=True)
        samples = _ended(samples, minute=52) if queue == "print" else samples
        metric.series.append(({"job": "worker", "queue": queue}, samples))
    return metric


def _pools(world: _World) -> Metric:
    metric = Metric("pool_connections", "gauge", "pool.connections", "{connection}")
    for instance in ("a:80", "a:81", "w:80", "w:81"):
        for state in ("busy", "idle"):
            samples = world.wandered(world.times(every=45 * SECOND), level=20, step=3, whole=True)
            metric.series.append((_at(instance, state=state), samples))
    return metric


def _builds(world: _World) -> Metric:
    """One series an instance at a time; a:81 changes its version."""
    metric = Metric("build_info", "gauge", "build.info")
    for instance, version in (("a:80", "1.4"), ("w:80", "2.0"), ("w:81", "2.0")):
        metric.series.append((_at(instance, version=version), [(at, 1.0) for at in world.times()]))
    before = _ended([(at, 1.0) for at in world.times(between=(0, 50))], minute=50)
    after: list[Sample] = [(at, 1.0) for at in world.times(between=(51, 120))]
    metric.series.extend([(_at("a:81", version="1.4"), before), (_at("a:81", version="1.5"), after)])
    return metric


def _limits(world: _World) -> Metric:
    metric = Metric("job_limit", "gauge", "job.limit")
    for job, limit in {"api": 250.0, "web": 60.0, "worker": 40.0}.items():
        metric.series.append(({"job": job, "owner": f"team-{job[0]}"}, [(at, limit) for at in world.times()]))
    return metric


def _durations(world: _World) -> Metric:
    metric = Metric("request_duration_seconds", "histogram", "request.duration", "s")
    for instance, typical, restarts in (("a:80", 0.08, []), ("a:81", 0.3, [47]), ("w:80", 0.9, [31, 88])):
        points = world.observed(world.times(), typical=typical, restarts=restarts)
        if instance == "a:81":
            end = START + 104 * MINUTE + 777
            points = [*(point for point in points if point.at < end), Buckets(end, None)]
        metric.histograms.append((_at(instance), points))
    return metric


def _odd_values(world: _World) -> Metric:
    """What arithmetic has to get right."""
    metric = Metric("odd_value", "gauge", "odd.value")
    cycles: dict[str, tuple[float, ...]] = {
        "nan": (math.nan,),
        "infinite": (math.inf,),
        "below all": (-math.inf,),
        "sometimes nan": (3.5, math.nan, -2.25, math.nan, 8.0),
        "sometimes infinite": (1.5, 2.5, math.inf, 4.0),
        "both infinities": (math.inf, 7.0, -math.inf),
        "zero": (0.0,),
        "huge": (1e150, 3e150, 2e150),
        "tiny": (1e-150, 5e-150),
        "negative": (-3.75, -1.25, -2.5),
        "cancelling": (1e100, 1.25, -1e100, 2.5),
        "halves": (0.5, 1.5, 2.5, -0.5, -1.5),
    }
    for kind, cycle in cycles.items():
        times = world.times(every=40 * SECOND)
        samples: list[Sample] = [(at, cycle[index % len(cycle)]) for index, at in enumerate(times)]
        metric.series.append(({"job": "odd", "kind": kind}, samples))
    return metric


def _notes(world: _World) -> Metric:
    metric = Metric("note", "gauge", "note")
    for index, text in enumerate(("Grüße, Jürgen", "日本語", "🎉", 'quo"te', "back\\slash", "new\nline", "a.b*c")):
        samples = world.wandered(world.times(every=MINUTE), level=10.0 * index, step=2)
        metric.series.append(({"job": "notes", "text": text, "city": f"Köln-{index % 2}"}, samples))
    return metric


def _rare(world: _World) -> list[Metric]:
    """Counters and gauges that are scraped seldom, late or once, and that hardly move."""
    sparse = Metric("sparse_total", "counter", "sparse")
    for kind, every in (("four minutes", 240), ("seven minutes", 420), ("uneven", 97)):
        counted = world.counted(world.times(every=every * SECOND), per_beat=25)
        kept = counted if kind != "uneven" else [sample for sample in counted if world.random.random() < 0.6]
        sparse.series.append(({"job": "rare", "kind": kind}, kept))
    late = Metric("late_total", "counter", "late")
    for kind, minute in (("early", 20), ("half", 57), ("end", 77)):
        # From nothing: extrapolation must not go to before a counter was 0.
        times = world.times(between=(minute, 120))
        samples: list[Sample] = [(at, 3.0 + 11.0 * index) for index, at in enumerate(times)]
        anew: list[Sample] = [(at, 3.0 + 11.0 * (index % 23)) for index, at in enumerate(times)]
        late.series.append(({"job": "rare", "kind": kind}, samples))
        late.series.append(({"job": "rare", "kind": f"{kind}, and often anew"}, anew))
    lonely = Metric("lonely", "gauge", "lonely")
    lonely.series.append(({"job": "rare"}, [(START + 79 * MINUTE + 123, 42.5)]))
    steps = Metric("steps", "gauge", "steps")
    levels = [(at, float(index // 9 % 4)) for index, at in enumerate(world.times())]
    steps.series.append(({"job": "rare", "kind": "stairs"}, list[Sample](levels)))
    steps.series.append(({"job": "rare", "kind": "level"}, [(at, 7.25) for at in world.times()]))
    return [sparse, late, lonely, steps]


def _gappy() -> Metric:
    """Thirty seconds apart, and a bit more or less than 1.1 times that from a border of the three minutes before AT."""
    metric = Metric("gappy_total", "counter", "gappy")
    for distance, again in product((32_723, 33_323), (False, True)):
        first = AT - 3 * MINUTE + distance
        starts = [first + beat * 30 * SECOND for beat in range(5)]
        ends = [AT - distance - beat * 30 * SECOND for beat in reversed(range(5))]
        for border, times in (("start", starts), ("end", ends)):
            samples: list[Sample] = [
                (at, 7.0 * index + (4 if again and index > 2 else 1000)) for index, at in enumerate(times)
            ]
            labels = {"border": border, "distance": str(distance), "again": str(again)}
            metric.series.append(({"job": "rare", **labels}, samples))
    return metric


def _odd_buckets(world: _World) -> Metric:
    """Histograms as they should not be, and their borderline cases."""
    cases: dict[str, dict[str, float]] = {
        "fine": {"0.1": 10, "0.5": 30, "1.5": 35, "+Inf": 40},
        "no end": {"0.1": 10, "0.5": 30, "1.5": 35},
        "end alone": {"+Inf": 40},
        "two": {"0.5": 30, "+Inf": 40},
        "empty": {"0.1": 0, "0.5": 0, "+Inf": 0},
        "falling": {"0.1": 10, "0.5": 8, "1.5": 35, "+Inf": 40},
        "all in the first": {"0.1": 10, "0.5": 10, "+Inf": 10},
        "all in the last": {"0.1": 0, "0.5": 0, "+Inf": 10},
        "first is empty": {"0.1": 0, "0.5": 8, "1.5": 8, "+Inf": 8},
        "negative": {"-2.5": 4, "-0.5": 9, "0.5": 12, "1.5": 20, "+Inf": 20},
        "no number": {"0.1": 10, "wide": 20, "0.5": 30, "1_5": 31, " 2.5": 32, "+Inf": 40},
        "other spellings": {"1e-1": 10, "5E-1": 30, "1.50": 35, "Inf": 40},
        "same bound twice": {"0.1": 5, "0.10": 5, "0.5": 30, "+Inf": 40},
        "fractions": {"0.1": 0.25, "0.5": 0.5, "1.5": 0.875, "+Inf": 1.0},
    }
    metric = Metric("odd_bucket", "gauge", "odd.bucket")
    for case, buckets in cases.items():
        times = world.times(every=MINUTE)
        for le, count in buckets.items():
            metric.series.append(({"job": "odd", "case": case, "le": le}, [(at, float(count)) for at in times]))
    return metric


def _borders() -> list[Metric]:
    """Samples exactly where evaluations take place and windows end: each half minute and a half second."""
    times = [START + beat * 30 * SECOND + 500 for beat in range(240)]
    counter = Metric("border_total", "counter", "border")
    counter.series.append(({"job": "border"}, [(at, 10.0 * index**1.5) for index, at in enumerate(times)]))
    value = Metric("border_value", "gauge", "border.value")
    value.series.append(({"job": "border"}, [(at, float(index % 17)) for index, at in enumerate(times)]))
    # Five minutes, as long as a sample is looked back for, before the instant that is asked about.
    rare = Metric("border_rare", "gauge", "border.rare")
    rare.series.append(({"job": "border"}, [(at, float(index)) for index, at in enumerate(times) if index % 20 == 10]))
    return [counter, value, rare]


def _dotted(world: _World) -> Metric:
    metric = Metric("shop.basket.size", "gauge", "shop.basket.size")
    for currency in ("EUR", "DKK"):
        samples = world.wandered(world.times(), level=30, step=4)
        metric.series.append(({"job": "shop", "currency": currency}, samples))
    return metric


def metrics() -> list[Metric]:
    """All of them, the same in each run of a day."""
    world = _World()
    made = [_requests, _temperatures, _queues, _pools, _builds, _limits, _durations, _odd_values, _notes, _odd_buckets]
    return [*(make(world) for make in made), *_rare(world), _gappy(), *_borders(), _dotted(world)]
