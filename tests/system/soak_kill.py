"""`python -m tests.system.soak_kill --rounds 200`: kill -9 under load, again and again; then every span is looked for.

Two tenants send at once. What was not answered is sent again after the restart, what was answered is sometimes sent
again, at once and after a restart; the engine fails at random (`flaky_spanhouse.py`). In the end every span id that was
acknowledged has to be in the store once, and RED has to count it once. Exit code 1 where one is not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, open_store

from tests.cli.running import FREE_PORTS
from tests.cli.running import request as http_request
from tests.support.polling import eventually
from tests.support.spans import SERVER, request, span

TENANTS = ("acme", "globex")
SENDERS_PER_TENANT = 2
SPANS_PER_REQUEST = 20
READY_SECONDS = 120.0
DRAIN_SECONDS = 1800.0
SENT_AGAIN = 0.1
WRONG = ("lost", "duplicated", "unknown", "red_off_by", "quarantined")


@dataclass(frozen=True)
class Sent:
    """A request of a tenant: its bytes, and the ids of its spans."""

    tenant: str
    body: bytes
    spans: frozenset[bytes]


@dataclass
class Ledger:
    """What was sent. unanswered: may be stored or not, until it is sent again."""

    acknowledged: dict[str, set[bytes]] = field(default_factory=lambda: {tenant: set() for tenant in TENANTS})
    unanswered: list[Sent] = field(default_factory=list)
    requests: int = 0
    sent_again: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, sent: Sent, *, again: bool = False) -> None:
        with self.lock:
            self.acknowledged[sent.tenant] |= sent.spans
            self.requests += not again
            self.sent_again += again


class Sender(threading.Thread):
    """Sends for a tenant until the connection breaks."""

    def __init__(self, address: str, tenant: str, ledger: Ledger) -> None:
        super().__init__()
        self._address = address
        self._tenant = tenant
        self._ledger = ledger
        self._random = random.Random()
        self.last: Sent | None = None

    def run(self) -> None:
        while True:
            sent = new_request(self._tenant)
            try:
                while not post(self._address, sent):
                    self._ledger.refused += 1
                    time.sleep(0.05)
            except (OSError, http.client.HTTPException):
                with self._ledger.lock:
                    self._ledger.unanswered.append(sent)
                return
            self._ledger.note(sent)
            self.last = sent
            if self._random.random() < SENT_AGAIN and not self._again(sent):
                return

    def _again(self, sent: Sent) -> bool:
        try:
            self._ledger.sent_again += post(self._address, sent)
        except (OSError, http.client.HTTPException):
            return False
        return True


def new_request(tenant: str) -> Sent:
    trace_id = secrets.token_bytes(16)
    spans = [span(kind=SERVER, trace_id=trace_id) for _ in range(SPANS_PER_REQUEST)]
    return Sent(tenant, request({"web": spans}).SerializeToString(), frozenset(each.span_id for each in spans))


def post(address: str, sent: Sent) -> bool:
    """Whether it is acknowledged; False where it is to be sent again. OSError or HTTPException without an answer."""
    headers = {"content-type": "application/x-protobuf", "x-scope-orgid": sent.tenant}
    status, answer = http_request(address, "POST", "/v1/traces", sent.body, headers)
    assert status in (200, 503), (status, answer)
    return status == 200


@contextmanager
def spanhouse(folder: Path, faults: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """A flaky Spanhouse that is ready, and its addresses; killed in the end."""
    command = [sys.executable, "-m", "tests.system.flaky_spanhouse", str(faults), "up", f"--data-dir={folder}"]
    with folder.with_name("log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *FREE_PORTS, "--no-self-tracing", "--segment-age=300ms"], stderr=log, env={**os.environ}
        )
    try:
        yield process, eventually(lambda: addresses_of(process, folder), READY_SECONDS)
    finally:
        process.kill()
        process.wait()


def addresses_of(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any] | None:
    assert process.poll() is None, f"Spanhouse ended with {process.returncode}"
    try:
        content: dict[str, Any] = json.loads((folder / "spanhouse.json").read_bytes())
    except FileNotFoundError:
        return None
    return content if content["pid"] == process.pid else None


def round_of(folder: Path, faults: Path, ledger: Ledger, recent: list[Sent], seconds: float) -> list[Sent]:
    """Start, send again what has to be, send new requests and kill; some of those that were acknowledged."""
    with spanhouse(folder, faults) as (process, addresses):
        address = addresses["otlp_http"]
        unanswered, ledger.unanswered = ledger.unanswered, []
        for sent in [*unanswered, *recent]:
            eventually(lambda sent=sent: post(address, sent) or None, 60)  # type: ignore[misc]  # a default binds it now
            ledger.note(sent, again=True)
        senders = [Sender(address, tenant, ledger) for tenant in TENANTS for _ in range(SENDERS_PER_TENANT)]
        for sender in senders:
            sender.start()
        time.sleep(seconds)  # the moment of the crash, not a condition that is waited for
        process.kill()
        for sender in senders:
            sender.join()
    return [sender.last for sender in senders if sender.last is not None]


def drain(folder: Path, faults: Path, ledger: Ledger) -> None:
    """Let all that is in the log be stored, and stop in order."""
    with spanhouse(folder, faults) as (process, addresses):
        for sent in ledger.unanswered:
            eventually(lambda sent=sent: post(addresses["otlp_http"], sent) or None, 60)  # type: ignore[misc]
            ledger.note(sent, again=True)
        eventually(lambda: not log_of(addresses)["bytes"], DRAIN_SECONDS, "the log empty")
        process.terminate()
        assert process.wait(60) == 0


def log_of(addresses: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(http_request(addresses["http"], "GET", "/api/v1/status")[1])
    log: dict[str, Any] = answer["ingest"]["log"]
    return log


def compare(store: Store, tenant: str, acknowledged: set[bytes]) -> Counter[str]:
    """How the store differs from what was acknowledged; all zero where it does not."""
    rows = store.rows(
        "SELECT hex(span_id) AS id, count() AS n FROM spans WHERE tenant = {tenant:String} GROUP BY id",
        {"tenant": tenant},
    )
    stored = {bytes.fromhex(row["id"]): int(row["n"]) for row in rows}
    sums = "SELECT toUInt64(sum(requests)) AS n FROM red_1m WHERE tenant = {tenant:String}"
    counted = int(store.rows(sums, {"tenant": tenant})[0]["n"])
    return Counter(
        lost=len(acknowledged - stored.keys()),
        duplicated=sum(n > 1 for n in stored.values()),
        unknown=len(stored.keys() - acknowledged),
        red_off_by=abs(counted - len(stored)),
    )


def soak(folder: Path, rounds: int, longest: float) -> dict[str, int]:
    """What was sent, what went wrong on purpose, and what is not as it should be."""
    data, faults, ledger = folder / "data", folder / "faults", Ledger()
    faults.touch()
    recent: list[Sent] = []
    started = time.monotonic()
    for number in range(1, rounds + 1):
        recent = round_of(data, faults, ledger, recent, random.uniform(0.05, longest))
        if not number % 10:
            print(f"{number} kills, {ledger.requests} requests, {time.monotonic() - started:.0f} s", file=sys.stderr)
    drain(data, faults, ledger)
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=data / "engine")))
    try:
        found = sum((compare(store, tenant, ledger.acknowledged[tenant]) for tenant in TENANTS), Counter())
    finally:
        store.close()
    return {
        "kills": rounds,
        "seconds": round(time.monotonic() - started),
        "requests_acknowledged": ledger.requests,
        "spans_acknowledged": sum(map(len, ledger.acknowledged.values())),
        "requests_sent_again": ledger.sent_again,
        "refused_and_retried": ledger.refused,
        "loads_failed_before_insert": faults.read_bytes().count(b"-"),
        "loads_failed_after_insert": faults.read_bytes().count(b"."),
        "quarantined": len(list((data / "quarantine").glob("*.frame*"))),
        **{name: found[name] for name in ("lost", "duplicated", "unknown", "red_off_by")},
    }


def main() -> None:
    """Run, with the data in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="tests.system.soak_kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds of load before a kill, at most")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(Path(folder), arguments.rounds, arguments.longest)
    print(json.dumps(figures, indent=2))
    sys.exit(any(figures[name] for name in WRONG))


if __name__ == "__main__":
    main()
