"""Baskets, kept in memory: the thousand that were used last."""

from collections import OrderedDict
from functools import cache

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spanhouse_demo.rundir import peer
from spanhouse_demo.serving import serve_asgi

BASKETS_KEPT = 1000
baskets: OrderedDict[str, list[dict[str, int]]] = OrderedDict()


@cache
def catalog() -> httpx2.AsyncClient:
    """The client of the catalog, made at the first call, when its address is known."""
    return httpx2.AsyncClient(base_url=f"http://{peer('catalog')}", timeout=10)


async def show(request: Request) -> Response:
    """What is in the basket of a visitor; empty for one who is not known."""
    return JSONResponse(baskets.get(request.path_params["visitor"], []))


async def add(request: Request) -> Response:
    """Put a product into the basket at the price that the catalog has now."""
    item = await request.json()
    answer = await catalog().get(f"/products/{item['product']}")
    if answer.status_code != 200:
        return Response(answer.content, answer.status_code, media_type="application/json")
    basket = baskets.setdefault(request.path_params["visitor"], [])
    basket.append({"product": item["product"], "price_cents": answer.json()["price_cents"]})
    baskets.move_to_end(request.path_params["visitor"])
    while len(baskets) > BASKETS_KEPT:
        baskets.popitem(last=False)
    return JSONResponse(basket, 201)


async def empty(request: Request) -> Response:
    """Forget the basket of a visitor."""
    baskets.pop(request.path_params["visitor"], None)
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/carts/{visitor}", show, methods=["GET"]),
        Route("/carts/{visitor}", empty, methods=["DELETE"]),
        Route("/carts/{visitor}/items", add, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    serve_asgi("cart", app)
