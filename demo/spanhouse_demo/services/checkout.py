"""Turns a basket into a paid order and queues its shipment, unless a bureau elsewhere smells fraud."""

import uuid
from functools import cache
from typing import Any

import grpc
import requests
from fastapi import Body, FastAPI, HTTPException
from google.protobuf.struct_pb2 import Struct
from requests.adapters import HTTPAdapter

from spanhouse_demo.rundir import peer
from spanhouse_demo.services.payment import CHARGE_METHOD
from spanhouse_demo.services.shipping import ship
from spanhouse_demo.serving import serve_asgi
from spanhouse_demo.third_party import FRAUD_HOST

TIMEOUT_SECONDS = 10
REFUSALS = {grpc.StatusCode.FAILED_PRECONDITION: 402, grpc.StatusCode.UNAVAILABLE: 503}
app = FastAPI(title="checkout")


class LoopbackAdapter(HTTPAdapter):
    """Connects to loopback, whatever host the URL names: the names of this shop's outside world are in no DNS."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """As the adapter's own, with another host."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return {**host, "host": "127.0.0.1"}, pool


@cache
def outside() -> requests.Session:
    """For calls to hosts outside of the shop."""
    session = requests.Session()
    session.mount(f"http://{FRAUD_HOST}", LoopbackAdapter())
    return session


@cache
def bank() -> "grpc.UnaryUnaryMultiCallable[Struct, Struct]":
    """The charge method of the payment service, made at the first call, when its address is known."""
    channel = grpc.insecure_channel(peer("payment"), options=[("grpc.enable_retries", 0)])
    return channel.unary_unary(
        CHARGE_METHOD, request_serializer=Struct.SerializeToString, response_deserializer=Struct.FromString
    )


@app.post("/orders", status_code=201)
def order(visitor: str = Body(), card: str = Body()) -> dict[str, str]:
    """Ask about the visitor, charge the card for the basket, empty it and queue the shipment; 402 for a card that is
    declined, 503 when the bank does not answer."""
    basket_url = f"http://{peer('cart')}/carts/{visitor}"
    basket: list[dict[str, Any]] = requests.get(basket_url, timeout=TIMEOUT_SECONDS).json()
    check_for_fraud(visitor)
    charge(card, sum(item["price_cents"] for item in basket))
    requests.delete(basket_url, timeout=TIMEOUT_SECONDS)
    order_id = str(uuid.uuid4())
    ship.delay(order_id, basket[0]["product"], len(basket))
    return {"order_id": order_id}


def check_for_fraud(visitor: str) -> None:
    """Ask the bureau, which has never had a bad word for anybody."""
    port = peer(FRAUD_HOST).rpartition(":")[2]
    answer = outside().get(f"http://{FRAUD_HOST}:{port}/checks/{visitor}", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()


def charge(card: str, amount_cents: int) -> None:
    """Have the card charged; a refusal is raised as the HTTPException that the caller gets."""
    request = Struct()
    request.update({"card": card, "amount_cents": amount_cents})
    try:
        bank()(request, timeout=TIMEOUT_SECONDS)
    except grpc.RpcError as refusal:
        raise HTTPException(REFUSALS.get(refusal.code(), 500), refusal.details()) from refusal


if __name__ == "__main__":
    serve_asgi("checkout", app)
