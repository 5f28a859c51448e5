"""What goes wrong in the field: thousands of operations, attribute keys and values that never repeat, spans that come
late, twice or without their parents, and services whose clocks are off by minutes.
"""

from __future__ import annotations

from benchmarks.wire import CLIENT, SERVER, Attributes, Kind
from benchmarks.workloads.story import MILLISECOND, SECOND, Story, Told

_SERVICES = 80
_NAMES = 50
_LATE = 0.05
_TWICE = 0.02
_ORPHANS = 0.05
_LATEST = 50 * 60 * SECOND
_SKEWS = (0, 0, 0, 120 * SECOND, -90 * SECOND, 7 * SECOND)


def hostile(seed: int, spans: int) -> Story:
    """Calls between any two of eighty services with four instances each."""
    story = Story(seed, instances=4)
    while len(story.spans) < spans:
        _trace(story)
    return story


def _trace(story: Story) -> None:
    late = story.random.random() < _LATE
    start = -story.random.randrange(_LATEST) if late else story.moment()
    numbers = story.random.sample(range(_SERVICES), 4)
    story.call("user", f"node-{numbers[0]}")
    server = _span(story, numbers[0], SERVER, None, start, sent=1)
    for number in numbers[1:]:
        orphan = story.random.random() < _ORPHANS
        client = _span(
            story,
            int(server.service.removeprefix("node-")),
            CLIENT,
            server,
            server.start + MILLISECOND,
            sent=0 if orphan else _times(story),
        )
        callee = _span(story, number, SERVER, client, client.start + MILLISECOND, sent=_times(story))
        if not orphan:
            story.call(client.service, callee.service)
        server = callee


def _times(story: Story) -> int:
    return 2 if story.random.random() < _TWICE else 1


def _span(story: Story, number: int, kind: Kind, parent: Told | None, start: int, *, sent: int) -> Told:
    name = f"GET /{number % 10}/{story.random.randrange(_NAMES)}"
    return story.span(
        f"node-{number}",
        name,
        kind,
        _attributes(story),
        parent=parent,
        start=start,
        duration=story.took(20, 1.0),
        sent=sent,
        clock=_SKEWS[number % len(_SKEWS)],
    )


def _attributes(story: Story) -> Attributes:
    rnd = story.random
    return {
        "request.id": f"{rnd.getrandbits(128):032x}",
        "user.id": f"{rnd.getrandbits(64):016x}",
        "url.full": f"https://mesh.local/{rnd.randrange(10**9)}?q={rnd.getrandbits(64):x}",
        f"header.{rnd.randrange(5000)}": rnd.randrange(10**9),
        f"tag.{rnd.randrange(5000)}": f"{rnd.getrandbits(48):012x}",
        "retries": rnd.randrange(5),
        "ratio": rnd.random(),
        "http.request.method": "GET",
    }
