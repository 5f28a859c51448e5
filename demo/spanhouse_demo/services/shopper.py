"""The visitors: makes the journeys of the plan at a constant rate and reports how many in the folder of the run."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import requests

from spanhouse_demo import lifeline
from spanhouse_demo.plan import JOURNEYS_VARIABLE, RATE_VARIABLE, SEED_VARIABLE, Visit, visits
from spanhouse_demo.rundir import peer, this_run
from spanhouse_demo.services.payment import CARD_OF_LOST_BANK, DECLINED_CARD, GOOD_CARD
from spanhouse_demo.stopping import StopFlag
from spanhouse_demo.tally import Tally

TIMEOUT_SECONDS = 10
VISITORS_AT_ONCE = 8
REPORT_EVERY_SECONDS = 0.25


class UnexpectedAnswer(Exception):
    """The shop answered with another status than the journey is about."""


def step(status: int, method: str, path: str, json: dict[str, Any] | None = None) -> None:
    """One request to the storefront that must be answered with `status`."""
    answer = requests.request(method, f"http://{peer('storefront')}{path}", json=json, timeout=TIMEOUT_SECONDS)
    if answer.status_code != status:
        raise UnexpectedAnswer(f"{method} {path}: {answer.status_code} instead of {status}: {answer.text[:200]}")


def browse(visit: Visit) -> None:
    """The home page and a product."""
    step(200, "GET", f"/?visitor=visitor-{visit.number}")
    step(200, "GET", f"/products/{visit.product}")


def search(visit: Visit) -> None:
    """A search and a product."""
    step(200, "GET", "/search?q=lamp")
    step(200, "GET", f"/products/{visit.product}")


def deep_search(_visit: Visit) -> None:
    """A search with a wildcard, which is slow."""
    step(200, "GET", "/search?q=co*lamp")


def dead_link(visit: Visit) -> None:
    """A product that is no longer there."""
    step(404, "GET", f"/products/{1000 + visit.product}")


def shopping(visit: Visit, card: str, status: int) -> None:
    """Two pieces of a product into the basket, then pay."""
    visitor = f"visitor-{visit.number}"
    browse(visit)
    for _ in range(2):
        step(201, "POST", f"/carts/{visitor}/items", {"product": visit.product})
    step(status, "POST", "/orders", {"visitor": visitor, "card": card})


KINDS: Mapping[str, Callable[[Visit], None]] = {
    "browse": browse,
    "search": search,
    "deep_search": deep_search,
    "dead_link": dead_link,
    "order": lambda visit: shopping(visit, GOOD_CARD, 201),
    "declined_card": lambda visit: shopping(visit, DECLINED_CARD, 402),
    "bank_outage": lambda visit: shopping(visit, CARD_OF_LOST_BANK, 502),
}


class Diary:
    """Counts what the visitors did, from their threads, for the supervisor to read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally = Tally()
        self._next_report = 0.0

    def add(self, kind: str, error: Exception | None) -> None:
        """Count a journey, and report if the last time is a while ago."""
        with self._lock:
            self._tally.add(kind, error)
            if time.monotonic() >= self._next_report:
                self._report()

    def close(self) -> None:
        """Report a last time."""
        with self._lock:
            self._report()

    def _report(self) -> None:
        self._next_report = time.monotonic() + REPORT_EVERY_SECONDS
        this_run().report(self._tally)


def make(visit: Visit, diary: Diary) -> None:
    """Make one journey and count it."""
    error: Exception | None = None
    try:
        KINDS[visit.kind](visit)
    except Exception as problem:
        error = problem
    diary.add(visit.kind, error)


def main() -> None:
    """Make the journeys; on SIGTERM begin no other one, finish those on their way, and leave."""
    stopped = StopFlag()
    lifeline.hold(on_stop=stopped.set)
    interval = 1 / float(os.environ[RATE_VARIABLE])
    journeys = int(os.environ[JOURNEYS_VARIABLE]) if JOURNEYS_VARIABLE in os.environ else None
    diary = Diary()
    free = threading.Semaphore(VISITORS_AT_ONCE)
    this_run().announce("shopper")
    due = time.monotonic()
    with ThreadPoolExecutor(VISITORS_AT_ONCE) as visitors:
        for visit in islice(visits(int(os.environ[SEED_VARIABLE])), journeys):
            free.acquire()
            if stopped.wait(max(0, due - time.monotonic())):
                break
            due = max(due + interval, time.monotonic())  # a shop that is too slow gets no crowd afterwards
            visitors.submit(make, visit, diary).add_done_callback(lambda _done: free.release())
    diary.close()


if __name__ == "__main__":
    main()
