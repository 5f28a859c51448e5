"""How much of the requests that are under way may be in memory at once."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from spanhouse_collector.admission.drain import Drain
from spanhouse_collector.admission.retry_after import Clock, retry_after
from spanhouse_collector.errors import Cause, Overloaded


class Budget:
    """Bytes that at most `requests` requests share. One alone is always let in, so that none is too large for ever.

    Who is refused is told to come again when what is under way will be through.
    """

    def __init__(self, limit: int, requests: int, clock: Clock = time.monotonic) -> None:
        self._limit = limit
        self._most_requests = requests
        self.used = 0
        self.requests = 0
        self._leaving = Drain(clock)
        self._bytes_leaving = Drain(clock)

    def share(self) -> Share:
        """What one request takes of it: `with budget.share() as share: share.take(…)`."""
        return Share(self)

    def enter(self) -> None:
        """Let one request more in. Raises Overloaded where there are enough."""
        if self.requests >= self._most_requests:
            raise Overloaded(
                f"too many requests are under way, max_requests is {self._most_requests}",
                self.until_through(),
                Cause.REQUESTS,
            )
        if not self.requests:
            self._leaving.begin()
        self.requests += 1

    def leave(self, *, held: int, is_through: bool) -> None:
        """Let one go that holds so many bytes. is_through: it was taken; refusals say nothing of how fast that goes."""
        self.requests -= 1
        self.used -= held
        if is_through:
            self._leaving.leave(1)
        if is_through and held:
            self._bytes_leaving.leave(held)

    def take(self, size: int, *, held: int) -> None:
        """Take `size` bytes for one that holds `held` already. Raises Overloaded where others have too much."""
        if self.used > held and self.used + size > self._limit:
            wait = retry_after(self._bytes_leaving.seconds_for(self.used))
            raise Overloaded("too many requests are under way", wait, Cause.MEMORY)
        if not self.used:
            self._bytes_leaving.begin()
        self.used += size

    def until_through(self) -> float:
        """Seconds after which those that are under way will have been answered."""
        return retry_after(self._leaving.seconds_for(self.requests))


class Share:
    """One request's place and its bytes, from entering it to leaving it, by an error if it was refused.

    Entering raises Overloaded.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes that it holds."""
        return self._held

    def take(self, size: int) -> None:
        """Hold `size` bytes more. Raises Overloaded where there is no room for them."""
        self._budget.take(size, held=self._held)
        self._held += size

    def __enter__(self) -> Self:
        self._budget.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.leave(held=self._held, is_through=error is None)
        self._held = 0
