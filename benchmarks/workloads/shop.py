"""A shop: 11 to 18 attributes a span, events, messages through a queue, and batches that link to what they took."""

from __future__ import annotations

from benchmarks.wire import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Attributes, Event, Kind
from benchmarks.workloads.mesh import http_attributes
from benchmarks.workloads.story import MILLISECOND, SECOND, Story, Told

_BATCH = 8
_QUEUE = "orders"
_COUNTRIES = ("de", "fr", "it", "jp", "us")


def shop(seed: int, spans: int) -> Story:
    """Visits: a look at the cart, half of them an order, which is shipped and, in batches, billed."""
    story = Story(seed)
    unbilled: list[Told] = []
    while len(story.spans) < spans:
        _visit(story, unbilled)
        if len(unbilled) >= _BATCH:
            _bill(story, unbilled)
            unbilled.clear()
    return story


def _visit(story: Story, unbilled: list[Told]) -> None:
    story.call("user", "storefront")
    root = _span(story, "storefront", "GET /cart", SERVER, None, story.took(80), start=story.moment())
    catalog = _called(story, root, "catalog", "GET /items/{id}")
    _query(story, catalog)
    cart = _called(story, root, "cart", "GET /cart/{user}")
    _span(story, "cart", "price", INTERNAL, cart, story.took(1))
    if story.random.random() < 0.5:
        unbilled.append(_order(story, cart))


def _order(story: Story, cart: Told) -> Told:
    checkout = _called(story, cart, "checkout", "POST /orders")
    _called(story, checkout, "payment", "POST /charges")
    sent = _span(story, "checkout", "orders send", PRODUCER, checkout, story.took(2), more=_message(story, "send"))
    story.call("checkout", _QUEUE, "messaging")
    received = _span(
        story,
        "shipping",
        "orders process",
        CONSUMER,
        sent,
        story.took(15),
        start=sent.start + sent.duration + story.took(30),
        more=_message(story, "process"),
    )
    story.call(_QUEUE, "shipping", "messaging")
    _query(story, received)
    return sent


def _bill(story: Story, orders: list[Told]) -> None:
    """One batch of messages, each of which it links to."""
    start = max(order.start + order.duration for order in orders) + SECOND
    _span(
        story,
        "billing",
        "orders process",
        CONSUMER,
        None,
        story.took(40),
        start=start,
        links=orders,
        more={**_message(story, "process"), "messaging.batch.message_count": len(orders)},
    )
    story.call(_QUEUE, "billing", "messaging")


def _called(story: Story, caller: Told, service: str, name: str) -> Told:
    client = _span(story, caller.service, name.partition(" ")[0], CLIENT, caller, story.took(25))
    story.call(caller.service, service)
    return _span(story, service, name, SERVER, client, story.took(12))


def _query(story: Story, parent: Told) -> None:
    more: Attributes = {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "db.operation.name": "SELECT",
        "db.collection.name": "items",
        "db.query.text": "SELECT id, name, price FROM items WHERE id = $1",
    }
    _span(story, parent.service, "SELECT items", CLIENT, parent, story.took(4), more=more)
    story.call(parent.service, "postgresql:shop", "database")


def _span(
    story: Story,
    service: str,
    name: str,
    kind: Kind,
    parent: Told | None,
    duration: int,
    *,
    start: int | None = None,
    more: Attributes | None = None,
    links: list[Told] | None = None,
) -> Told:
    """A span that begins a millisecond after its parent; more: attributes in place of those of HTTP."""
    attributes = {**_of_the_shop(story), **(more if more is not None else http_attributes(story, name, 200))}
    if start is None:
        start = (parent.start if parent else 0) + MILLISECOND
    events = [Event("log", duration // 2, {"log.severity": "INFO", "log.message": "priced"})]
    failed = story.random.random() < 0.02
    if failed:
        events.append(Event("exception", duration, {"exception.type": "ValueError", "exception.message": "no stock"}))
    return story.span(
        service,
        name,
        kind,
        attributes,
        parent=parent,
        start=start,
        duration=duration,
        links=links or (),
        events=events if failed or story.random.random() < 0.3 else (),
        error="no stock" if failed else "",
    )


def _of_the_shop(story: Story) -> Attributes:
    """Six to ten attributes that every span has."""
    rnd = story.random
    always: dict[str, str | bool | int | float] = {
        "app.user.id": f"user-{rnd.randrange(20_000)}",
        "app.session.id": f"{rnd.getrandbits(64):016x}",
        "app.country": rnd.choice(_COUNTRIES),
        "app.cart.items": rnd.randrange(1, 12),
        "app.cart.total": round(rnd.uniform(1, 500), 2),
        "app.premium": rnd.random() < 0.1,
    }
    sometimes = {f"app.experiment.{name}": rnd.choice("ab") for name in ("banner", "price", "search", "sort")}
    return always | dict(list(sometimes.items())[: rnd.randrange(5)])


def _message(story: Story, operation: str) -> Attributes:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": _QUEUE,
        "messaging.operation.type": operation,
        "messaging.message.id": f"{story.random.getrandbits(64):016x}",
        "messaging.kafka.offset": story.random.randrange(10**9),
    }
