"""The pages of the shop. The home page asks three times at once (fan-out); all else is one call to one service."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from flask import Flask, Response, request

from spanhouse_demo.rundir import peer
from spanhouse_demo.serving import serve_wsgi

TIMEOUT_SECONDS = 10
app = Flask(__name__)


def call(method: str, service: str, path: str, json: Any = None) -> requests.Response:
    """One HTTP call to another service of the shop, never repeated."""
    return requests.request(method, f"http://{peer(service)}{path}", json=json, timeout=TIMEOUT_SECONDS)


def passed_on(answer: requests.Response) -> Response:
    """The answer of the service behind, as the storefront's own."""
    return Response(answer.content, answer.status_code, mimetype="application/json")


@app.get("/")
def home() -> dict[str, object]:
    """Featured products, deals and the visitor's basket, fetched side by side."""
    calls = [
        ("GET", "catalog", "/featured"),
        ("GET", "catalog", "/deals"),
        ("GET", "cart", f"/carts/{request.args['visitor']}"),
    ]
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        featured, deals, basket = pool.map(lambda arguments: call(*arguments).json(), calls)
    return {"featured": featured, "deals": deals, "basket": basket}


@app.get("/products/<int:product>")
def product_page(product: int) -> Response:
    """One product."""
    return passed_on(call("GET", "catalog", f"/products/{product}"))


@app.get("/search")
def search() -> Response:
    """Products by name."""
    return passed_on(call("GET", "catalog", f"/search?q={request.args['q']}"))


@app.post("/carts/<visitor>/items")
def add_to_cart(visitor: str) -> Response:
    """Put a product into the visitor's basket."""
    return passed_on(call("POST", "cart", f"/carts/{visitor}/items", request.json))


@app.post("/orders")
def order() -> Response:
    """Buy what is in the basket; an outage behind becomes a 502 here."""
    answer = call("POST", "checkout", "/orders", request.json)
    if answer.status_code == 503:
        return Response(answer.content, 502, mimetype="application/json")
    return passed_on(answer)


if __name__ == "__main__":
    serve_wsgi("storefront", app)
