"""What a run of the demo shop can be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoOptions:
    """Options of one run; a value that makes no sense raises ValueError and names itself.

    `rate` is in journeys per second (a journey is one to five requests to the shop). `journeys` ends the run after so
    many; without it the shop runs until it is stopped. `ready_timeout` is in seconds, for all services together.
    """

    otlp_grpc_url: str = "http://127.0.0.1:4317"
    otlp_http_url: str = "http://127.0.0.1:4318"
    ui_url: str = "http://127.0.0.1:8080"
    rate: float = 5.0
    journeys: int | None = None
    seed: int = 1
    ready_timeout: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 100:
            raise ValueError(f"rate is {self.rate}: it must be more than 0 and at most 100 journeys per second")
        if self.journeys is not None and self.journeys < 1:
            raise ValueError(f"journeys is {self.journeys}: it must be 1 or more")
        if self.ready_timeout <= 0:
            raise ValueError(f"ready_timeout is {self.ready_timeout}: it must be more than 0 seconds")
