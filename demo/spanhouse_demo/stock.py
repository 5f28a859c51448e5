"""The catalog's database: what the shop sells. It is filled before the services start, so that this makes no spans."""

import sqlite3
from contextlib import closing
from pathlib import Path

_SCHEMA = """
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL, on_sale INTEGER NOT NULL
);
CREATE TABLE shipments (order_id TEXT PRIMARY KEY, product_id INTEGER NOT NULL, pieces INTEGER NOT NULL);
PRAGMA journal_mode = WAL;
"""
_COLOURS = ("amber", "cobalt", "ivory", "moss")
_THINGS = ("kettle", "lamp", "notebook", "rucksack", "teapot", "umbrella")


def fill(database: Path) -> None:
    """Create the tables and 24 products with the ids 1 to 24, every fifth of them on sale."""
    names = [f"{colour} {thing}" for thing in _THINGS for colour in _COLOURS]
    products = [(number, name, 500 + 125 * number, number % 5 == 0) for number, name in enumerate(names, start=1)]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", products)
