"""Traces of ten and of a hundred thousand spans: nightly jobs that call one worker after another."""

from __future__ import annotations

from benchmarks.wire import CLIENT, INTERNAL, SERVER
from benchmarks.workloads.mesh import http_attributes
from benchmarks.workloads.story import WINDOW, Story, Told

_WORKERS = 12
_STEP_SPANS = 4


def long_traces(seed: int, spans: int) -> Story:
    """Half of the spans in one trace (at most a hundred thousand), the others in traces of a tenth of that."""
    story = Story(seed)
    sizes = [min(100_000, spans // 2), *[min(10_000, spans // 10)] * 5]
    for job, size in enumerate(sizes):
        _job(story, f"job-{job % 3}", size)
    return story


def _job(story: Story, service: str, spans: int) -> None:
    root = story.span(service, "run", INTERNAL, {"job.name": "nightly"}, start=0, duration=WINDOW)
    steps = max(1, spans // _STEP_SPANS)
    for number in range(steps):
        _step(story, root, number * WINDOW // steps)


def _step(story: Story, root: Told, start: int) -> None:
    worker = f"worker-{story.random.randrange(_WORKERS)}"
    attributes = http_attributes(story, "/step", 200)
    step = story.span(
        root.service,
        "step",
        INTERNAL,
        {"step.rows": story.random.randrange(5000)},
        parent=root,
        start=start,
        duration=story.took(12),
    )
    client = story.span(root.service, "POST", CLIENT, attributes, parent=step, start=start, duration=story.took(10))
    server = story.span(worker, "POST /step", SERVER, attributes, parent=client, start=start, duration=story.took(8))
    story.call(root.service, worker)
    story.span(
        worker,
        "load",
        INTERNAL,
        {"step.cached": story.random.random() < 0.5},
        parent=server,
        start=start,
        duration=story.took(5),
    )
