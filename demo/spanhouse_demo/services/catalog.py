"""What the shop sells, from SQLite. A search with a wildcard is the slow path of the shop."""

import random
import sqlite3
import time
from contextlib import closing
from typing import Any

from fastapi import Body, FastAPI, HTTPException

from spanhouse_demo.rundir import this_run
from spanhouse_demo.serving import serve_asgi

COLD_INDEX_SECONDS = (0.35, 0.7)
app = FastAPI(title="catalog")


def query(statement: str, *values: object) -> list[dict[str, Any]]:
    """Rows of one statement; it is committed."""
    with closing(sqlite3.connect(this_run().database, timeout=10)) as connection:
        cursor = connection.cursor()  # the instrumentation traces cursors, not Connection.execute
        cursor.execute(statement, values)
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        connection.commit()
    return rows


@app.get("/featured")
def featured() -> list[dict[str, Any]]:
    """Three products for the home page."""
    return query("SELECT * FROM products ORDER BY price_cents DESC LIMIT 3")


@app.get("/deals")
def deals() -> list[dict[str, Any]]:
    """Products on sale."""
    return query("SELECT * FROM products WHERE on_sale")


@app.get("/products/{product}")
def product(product: int) -> dict[str, Any]:
    """One product, or 404."""
    rows = query("SELECT * FROM products WHERE id = ?", product)
    if not rows:
        raise HTTPException(404, f"there is no product {product}")
    return rows[0]


@app.get("/search")
def search(q: str) -> list[dict[str, Any]]:
    """Products by name; `*` stands for anything and is looked up in an index that is never warm."""
    if "*" in q:
        time.sleep(random.uniform(*COLD_INDEX_SECONDS))
    return query("SELECT * FROM products WHERE name LIKE ?", f"%{q.replace('*', '%')}%")


@app.post("/shipments", status_code=201)
def ship(order_id: str = Body(), product_id: int = Body(), pieces: int = Body()) -> dict[str, str]:
    """Take the stock of a paid order, or 404."""
    if not query("SELECT id FROM products WHERE id = ?", product_id):
        raise HTTPException(404, f"there is no product {product_id}")
    query("INSERT INTO shipments VALUES (?, ?, ?)", order_id, product_id, pieces)
    return {"order_id": order_id}


if __name__ == "__main__":
    serve_asgi("catalog", app)
