"""An HTTP mesh: 24 services in four layers, eight spans a trace, eight attributes and about 320 bytes a span."""

from __future__ import annotations

from benchmarks.wire import CLIENT, INTERNAL, SERVER, Attributes, Kind
from benchmarks.workloads.story import MILLISECOND, Story, Told

LAYERS = 4
PER_LAYER = 6
ROUTES = ("/", "/items/{id}", "/cart", "/checkout", "/search")


def mesh(seed: int, spans: int) -> Story:
    """Traces of a user's request through all layers."""
    story = Story(seed, instances=1)
    while len(story.spans) < spans:
        _trace(story)
    return story


def _trace(story: Story) -> None:
    gateway, start = _service(story, 0), story.moment()
    durations = sorted((story.took(20) for _ in range(2 * LAYERS)), reverse=True)
    story.call("user", gateway)
    server = _span(story, gateway, SERVER, None, start, durations[0])
    inner = _span(story, gateway, INTERNAL, server, start + MILLISECOND, durations[1])
    for layer in range(1, LAYERS):
        callee = _service(story, layer)
        client = _span(story, inner.service, CLIENT, inner, inner.start + MILLISECOND, durations[2 * layer])
        inner = _span(story, callee, SERVER, client, client.start + MILLISECOND, durations[2 * layer + 1])
        story.call(client.service, callee)


def _service(story: Story, layer: int) -> str:
    return f"layer{layer}-{story.random.randrange(PER_LAYER)}"


def _span(story: Story, service: str, kind: Kind, parent: Told | None, start: int, duration: int) -> Told:
    route = story.random.choice(ROUTES)
    error = "upstream failed" if story.random.random() < 0.01 else ""
    attributes = http_attributes(story, route, 500 if error else 200)
    return story.span(
        service, f"GET {route}", kind, attributes, parent=parent, start=start, duration=duration, error=error
    )


def http_attributes(story: Story, route: str, status: int) -> Attributes:
    """What an HTTP instrumentation records."""
    return {
        "http.request.method": "GET",
        "http.route": route,
        "url.path": f"/items/{story.random.randrange(10**6)}",
        "http.response.status_code": status,
        "server.address": "mesh.local",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "user_agent.original": "python-requests/2.32",
    }
