"""Database statements: texts of 200 to 1,500 characters, and one span in ten with a stack trace of 2 to 5 kB."""

from __future__ import annotations

from benchmarks.wire import CLIENT, SERVER, Attributes, Event
from benchmarks.workloads.mesh import http_attributes
from benchmarks.workloads.story import MILLISECOND, Story, Told

_SERVICES = 8
_PER_REQUEST = 7
_COLUMNS = ("id", "name", "price", "currency", "stock", "created_at", "updated_at", "supplier_id", "weight_grams")
_DATABASES = ("postgresql", "mysql", "mariadb")


def statements(seed: int, spans: int) -> Story:
    """Requests that ask a database some times."""
    story = Story(seed)
    while len(story.spans) < spans:
        service = f"reports-{story.random.randrange(_SERVICES)}"
        story.call("user", service)
        attributes = http_attributes(story, "/report", 200)
        root = story.span(service, "GET /report", SERVER, attributes, start=story.moment(), duration=story.took(200))
        for number in range(_PER_REQUEST):
            _statement(story, root, number)
    return story


def _statement(story: Story, parent: Told, number: int) -> None:
    rnd = story.random
    system, table = rnd.choice(_DATABASES), f"table_{rnd.randrange(20)}"
    duration = story.took(15, 1.2)
    failed = rnd.random() < 0.1
    attributes: Attributes = {
        "db.system.name": system,
        "db.namespace": "reports",
        "db.operation.name": "SELECT",
        "db.collection.name": table,
        "db.query.text": _text(story, table),
        "db.response.returned_rows": rnd.randrange(1000),
        "server.address": f"{system}.local",
        "server.port": 5432,
    }
    event = Event(
        "exception",
        duration,
        {
            "exception.type": "OperationalError",
            "exception.message": "canceling statement due to statement timeout",
            "exception.stacktrace": _stack_trace(story),
        },
    )
    story.span(
        parent.service,
        f"SELECT {table}",
        CLIENT,
        attributes,
        parent=parent,
        start=parent.start + number * 10 * MILLISECOND,
        duration=duration,
        events=[event] if failed else (),
        error="canceling statement due to statement timeout" if failed else "",
    )
    story.call(parent.service, f"{system}:reports", "database")


def _text(story: Story, table: str) -> str:
    rnd = story.random
    columns = ", ".join(f"t.{rnd.choice(_COLUMNS)} AS c{number}" for number in range(rnd.randrange(4, 40)))
    conditions = " AND ".join(f"t.{rnd.choice(_COLUMNS)} > {rnd.randrange(10**6)}" for _ in range(rnd.randrange(2, 12)))
    return f"SELECT {columns} FROM {table} AS t WHERE {conditions} ORDER BY t.id LIMIT {rnd.randrange(1, 500)}"


def _stack_trace(story: Story) -> str:
    rnd = story.random
    frames = (
        f'  File "/srv/app/package_{rnd.randrange(30)}/module_{rnd.randrange(50)}.py", line {rnd.randrange(900)}, '
        f"in function_{rnd.randrange(200)}\n    return self.call(argument_{rnd.randrange(9)}, timeout=timeout)"
        for _ in range(rnd.randrange(15, 38))
    )
    return "Traceback (most recent call last):\n" + "\n".join(frames)
