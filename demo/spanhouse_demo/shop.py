"""The running shop: starts the services, watches them, and stops them in an order that loses nothing."""

import time
from collections.abc import Iterable

from spanhouse_demo import stock
from spanhouse_demo.environment import service_environment
from spanhouse_demo.extra import installed_instrumentations
from spanhouse_demo.options import DemoOptions
from spanhouse_demo.process import ServiceProcess
from spanhouse_demo.rundir import RunFolder
from spanhouse_demo.stopping import StopFlag
from spanhouse_demo.tally import Tally
from spanhouse_demo.third_party import FRAUD_HOST, FraudBureau
from spanhouse_demo.topology import CHECKOUT_QUEUE, SERVICES, SHOPPER, expected_calls

STOP_SECONDS = 4.5
FINISH_JOURNEYS_SECONDS = 1.5
FINISH_SHIPMENTS_SECONDS = 1.0
DRAIN_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 0.03


class ShopError(Exception):
    """The shop cannot go on; the message names the service and shows the end of its log."""


class Shop:
    """The services of one run in `folder`. Whatever happens after `open` is called, `close` must be."""

    def __init__(self, folder: RunFolder, options: DemoOptions, stop: StopFlag) -> None:
        self._folder = folder
        self._options = options
        self._stop = stop
        self._processes: dict[str, ServiceProcess] = {}
        self._bureau = FraudBureau()

    def open(self) -> None:
        """Start every service, and the shopper once the others are ready; returns early when told to stop.

        ShopError when one of them leaves, or is not ready in time.
        """
        self._folder.create()
        stock.fill(self._folder.database)
        self._folder.announce(FRAUD_HOST, self._bureau.open())
        deadline = time.monotonic() + self._options.ready_timeout
        servers = [service.name for service in SERVICES if service.name != SHOPPER]
        for names in (servers, [SHOPPER]):
            if not self._stop.is_raised:
                self._start(names)
                self._await_ready(names, deadline)

    def tally(self) -> Tally:
        """The journeys so far."""
        return self._folder.tally()

    def has_ended(self) -> bool:
        """Whether all journeys that were asked for are made; ShopError when a service has left."""
        for name, process in self._processes.items():
            if process.exit_code is not None and (name, process.exit_code) != (SHOPPER, 0):
                raise ShopError(f"{name} stopped with exit code {process.exit_code}. {self._last_words(name)}")
        return self._processes[SHOPPER].exit_code == 0

    def drain(self) -> None:
        """Wait until every order is shipped, or a wish to stop; ShopError if it takes longer than it ever should.

        Returns at once when a journey went wrong, since nobody knows then how many orders were placed.
        """
        if self.tally().wrong:
            return
        deadline = time.monotonic() + DRAIN_SECONDS
        while not self._is_drained() and not self._stop.wait(_LOOK_EVERY_SECONDS):
            if time.monotonic() > deadline:
                share = f"{self._folder.shipments()} of {self._orders()}"
                raise ShopError(f"shipping dealt with {share} orders only. {self._last_words('shipping')}")

    def close(self) -> list[str]:
        """Stop every service within `STOP_SECONDS`: the shopper, then, when all orders are shipped, the others.

        Returns the names of those that had to be killed, with the spans they had not sent yet.
        """
        deadline = time.monotonic() + STOP_SECONDS
        self._stop_all([SHOPPER], time.monotonic() + FINISH_JOURNEYS_SECONDS)
        shipped_by = time.monotonic() + FINISH_SHIPMENTS_SECONDS
        while not self._is_drained() and time.monotonic() < shipped_by:
            time.sleep(_LOOK_EVERY_SECONDS)
        self._stop_all(self._processes, deadline)
        late = [name for name, process in self._processes.items() if process.exit_code is None]
        for process in self._processes.values():
            process.kill()
        self._bureau.close()
        return late

    def _start(self, names: Iterable[str]) -> None:
        instrumentations = installed_instrumentations()
        for service in SERVICES:
            if service.name in names:
                environment = service_environment(
                    service, self._folder, self._options, instrumentations=instrumentations
                )
                log = self._folder.logs / f"{service.name}.log"
                self._processes[service.name] = ServiceProcess(service.name, environment=environment, log=log)

    def _await_ready(self, names: Iterable[str], deadline: float) -> None:
        while waiting := [name for name in names if not self._folder.is_ready(name)]:
            for name in waiting:
                if self._processes[name].exit_code is not None:
                    raise ShopError(f"{name} could not start. {self._last_words(name)}")
            if time.monotonic() > deadline:
                seconds = f"{self._options.ready_timeout:g} s"
                raise ShopError(f"{waiting[0]} is not ready after {seconds}. {self._last_words(waiting[0])}")
            if self._stop.wait(_LOOK_EVERY_SECONDS):
                return

    def _stop_all(self, names: Iterable[str], deadline: float) -> None:
        processes = [self._processes[name] for name in names if name in self._processes]
        for process in processes:
            process.stop()
        while any(process.exit_code is None for process in processes) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)

    def _is_drained(self) -> bool:
        orders = self._orders()
        return orders == 0 or self._folder.shipments() >= orders

    def _orders(self) -> int:
        return expected_calls(self.tally().made.elements())[CHECKOUT_QUEUE]

    def _last_words(self, name: str) -> str:
        lines = self._processes[name].last_lines()
        return f"The end of its log:\n{lines}" if lines else "It logged nothing."
