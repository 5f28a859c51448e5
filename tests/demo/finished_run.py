"""A run of the shop with a known number of journeys, from start to end."""

from dataclasses import dataclass
from pathlib import Path

from tests.demo.otlp_sink import ReceivedSpan, otlp_sink
from tests.demo.shop_process import shop

JOURNEYS = 40
SEED = 7


@dataclass(frozen=True)
class FinishedRun:
    """What a sink got from `JOURNEYS` journeys with `SEED`, and what the terminal showed."""

    spans: list[ReceivedSpan]
    http_encodings: set[str]
    exit_code: int
    output: str
    left_files: list[str]


def finish_run(folder: Path) -> FinishedRun:
    """Run the shop with its temporary files below `folder`."""
    arguments = ("--journeys", str(JOURNEYS), "--seed", str(SEED), "--rate", "20")
    with otlp_sink() as sink, shop(folder, sink, *arguments) as process:
        exit_code = process.await_exit(60)
        left_files = [path.name for path in process.scratch.iterdir()]
        return FinishedRun(sink.spans, sink.http_encodings, exit_code, process.output, left_files)
