"""The worker behind the queue: ships what was paid for. Checkout imports the task to send it."""

import random
import time
from typing import Any

import requests
from celery.signals import worker_ready

from spanhouse_demo import lifeline, spool
from spanhouse_demo.rundir import peer, this_run

TIMEOUT_SECONDS = 10
PACKING_SECONDS = (0.02, 0.08)
app = spool.celery()


def pack(order_id: str, product: int, pieces: int) -> None:
    """Reserve the stock of an order, then pack it."""
    shipment: dict[str, Any] = {"order_id": order_id, "product_id": product, "pieces": pieces}
    time.sleep(random.uniform(*PACKING_SECONDS))
    answer = requests.post(f"http://{peer('catalog')}/shipments", json=shipment, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()


ship = app.task(pack, name="ship")


def announce(**_: Any) -> None:
    """Celery calls this once the worker takes messages."""
    this_run().announce("shipping")


def main() -> None:
    """Work until SIGTERM, in this very process: a pool of others would need exporters of their own."""
    lifeline.hold()
    worker_ready.connect(announce, weak=False)
    app.worker_main(
        ["worker", "--pool=solo", "--loglevel=info", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


if __name__ == "__main__":
    main()
