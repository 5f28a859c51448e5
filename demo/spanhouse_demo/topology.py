"""What the shop is made of, as data: the truth that a service map of it must show.

`SERVICES` are the processes, `EDGES` the calls that cross from one to another or to what is not traced, and `JOURNEYS`
what a shopper does, with how many calls each edge gets from it. `expected_calls` adds the journeys of a run up, call by
call.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from spanhouse_demo.third_party import FRAUD_HOST

Connection = Literal["rpc", "messaging", "database", "external"]
Protocol = Literal["grpc", "http/protobuf"]
SHOPPER = "shopper"
QUEUE = "shipments"


@dataclass(frozen=True)
class Service:
    """One process of the shop, run as `python -m spanhouse_demo.services.<name>`.

    `instrumentations` are the entry points of the stock OpenTelemetry instrumentations that are switched on in it;
    every other one is off, so that no call is recorded twice (Starlette's inside FastAPI).
    """

    name: str
    about: str
    protocol: Protocol
    instrumentations: tuple[str, ...]
    gzip: bool = False


@dataclass(frozen=True)
class Edge:
    """Calls from `client` to `server`.

    Both are services, but for what is traced by others only: the store behind `database`, the host behind `external`,
    and between two edges of `messaging` the queue that the messages wait in.
    """

    client: str
    server: str
    connection: Connection = "rpc"


@dataclass(frozen=True)
class Journey:
    """One visit to the shop.

    `weight` is its share among all visits. `calls` has each edge it uses with the number of calls; `failed` counts
    those of them whose SERVER span ends with status ERROR.
    """

    weight: int
    calls: Mapping[Edge, int]
    failed: Mapping[Edge, int]


SERVICES = (
    Service("storefront", "Flask: the pages, fans out to the rest", "grpc", ("flask", "requests", "threading")),
    Service(
        "catalog",
        "FastAPI over SQLite; wildcard search is slow",
        "http/protobuf",
        ("fastapi", "sqlite3", "system_metrics"),
    ),
    Service("cart", "Starlette: baskets, asks the catalog for prices", "grpc", ("starlette", "httpx2"), gzip=True),
    Service(
        "checkout",
        "FastAPI: asks about fraud, pays over gRPC, queues the shipment",
        "http/protobuf",
        ("fastapi", "requests", "grpc_client", "celery"),
        gzip=True,
    ),
    Service("payment", "gRPC: declines some cards, now and then fails", "grpc", ("grpc_server",)),
    Service("shipping", "Celery worker behind a queue, reserves the stock", "http/protobuf", ("celery", "requests")),
    Service(SHOPPER, "the visitors: steady traffic", "http/protobuf", ("requests",), gzip=True),
)

SHOPPER_STOREFRONT = Edge(SHOPPER, "storefront")
STOREFRONT_CATALOG = Edge("storefront", "catalog")
STOREFRONT_CART = Edge("storefront", "cart")
STOREFRONT_CHECKOUT = Edge("storefront", "checkout")
CART_CATALOG = Edge("cart", "catalog")
CHECKOUT_CART = Edge("checkout", "cart")
CHECKOUT_PAYMENT = Edge("checkout", "payment")
CHECKOUT_FRAUD = Edge("checkout", FRAUD_HOST, "external")
CHECKOUT_QUEUE = Edge("checkout", QUEUE, "messaging")
QUEUE_SHIPPING = Edge(QUEUE, "shipping", "messaging")
SHIPPING_CATALOG = Edge("shipping", "catalog")
CATALOG_SQLITE = Edge("catalog", "sqlite", "database")

EDGES = (
    SHOPPER_STOREFRONT,
    STOREFRONT_CATALOG,
    STOREFRONT_CART,
    STOREFRONT_CHECKOUT,
    CART_CATALOG,
    CHECKOUT_CART,
    CHECKOUT_PAYMENT,
    CHECKOUT_FRAUD,
    CHECKOUT_QUEUE,
    QUEUE_SHIPPING,
    SHIPPING_CATALOG,
    CATALOG_SQLITE,
)

# Requests of the shopper, each with the calls that follow from it.
_HOME = Counter({SHOPPER_STOREFRONT: 1, STOREFRONT_CATALOG: 2, STOREFRONT_CART: 1, CATALOG_SQLITE: 2})
_PRODUCT = Counter({SHOPPER_STOREFRONT: 1, STOREFRONT_CATALOG: 1, CATALOG_SQLITE: 1})
_SEARCH = Counter({SHOPPER_STOREFRONT: 1, STOREFRONT_CATALOG: 1, CATALOG_SQLITE: 1})
_ADD_TO_CART = Counter({SHOPPER_STOREFRONT: 1, STOREFRONT_CART: 1, CART_CATALOG: 1, CATALOG_SQLITE: 1})
_REFUSED_ORDER = Counter(
    {SHOPPER_STOREFRONT: 1, STOREFRONT_CHECKOUT: 1, CHECKOUT_CART: 1, CHECKOUT_FRAUD: 1, CHECKOUT_PAYMENT: 1}
)
# Paid: the basket is emptied, the shipment queued, and for it the stock reserved (a read and a write).
_ORDER = _REFUSED_ORDER + Counter(
    {CHECKOUT_CART: 1, CHECKOUT_QUEUE: 1, QUEUE_SHIPPING: 1, SHIPPING_CATALOG: 1, CATALOG_SQLITE: 2}
)

_SHOPPING = _HOME + _PRODUCT + _ADD_TO_CART + _ADD_TO_CART
_OUTAGE = {SHOPPER_STOREFRONT: 1, STOREFRONT_CHECKOUT: 1, CHECKOUT_PAYMENT: 1}

JOURNEYS: Mapping[str, Journey] = {
    "browse": Journey(35, _HOME + _PRODUCT, {}),
    "search": Journey(25, _SEARCH + _PRODUCT, {}),
    "deep_search": Journey(5, _SEARCH, {}),
    "dead_link": Journey(5, _PRODUCT, {}),
    "order": Journey(20, _SHOPPING + _ORDER, {}),
    "declined_card": Journey(6, _SHOPPING + _REFUSED_ORDER, {}),
    "bank_outage": Journey(4, _SHOPPING + _REFUSED_ORDER, _OUTAGE),
}


def expected_calls(kinds: Iterable[str]) -> Counter[Edge]:
    """How many calls each edge gets from journeys of these kinds; an edge without calls is absent."""
    calls: Counter[Edge] = Counter()
    for kind in kinds:
        calls.update(JOURNEYS[kind].calls)
    return calls


def expected_failures(kinds: Iterable[str]) -> Counter[Edge]:
    """How many of `expected_calls` end with status ERROR at the service that was called."""
    failures: Counter[Edge] = Counter()
    for kind in kinds:
        failures.update(JOURNEYS[kind].failed)
    return failures
