"""The benchmark suite of ingest, in one command.

Measures ingest of every workload, latency and freshness, twice the maximum, kills, correctness and a peer; writes one
JSON document, the plots, and the tables in docs/performance.md. About twenty minutes; nothing else should run.

    python -m benchmarks.suite                            # all of it
    python -m benchmarks.suite --quick                    # a tiny one in a minute, which is printed and kept nowhere
    python -m benchmarks.suite --only latency overload    # some measures; the others stay as the document has them

Figures never are a reason to fail; what was acknowledged and is not stored exactly once is, and a measure that breaks
off, which keeps none of the others from being taken: exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environment import environment
from benchmarks.progress import say
from benchmarks.suite.correctness import correctness
from benchmarks.suite.kills import kills
from benchmarks.suite.latency import latency
from benchmarks.suite.matrix import matrix
from benchmarks.suite.overload import overload
from benchmarks.suite.peers import peers
from benchmarks.suite.report import plots, tables, wrong
from benchmarks.suite.scale import QUICK, WHOLE, Scale
from benchmarks.suite.stages import stages

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = Path("benchmarks/results")
_DOCUMENT = Path("docs/performance.md")
_IMAGES = Path("docs/images")
_PACKAGES = ("spanhouse", "chdb", "clickhouse-connect", "grpcio", "protobuf", "uvicorn", "isal")
MEASURES: dict[str, Callable[[Scale], Any]] = {
    "peers": peers,
    "latency": latency,
    "overload": overload,
    "correctness": correctness,
    "kills": kills,
    "stages": stages,
    "matrix": matrix,
}


def main() -> None:
    """Run with the options of the command line."""
    options = _options()
    with _checkout(kept=not (options.quick or options.save)) as root:
        name = _RESULTS / f"suite-{datetime.now(UTC):%Y-%m-%d}.json"
        saved: Path = options.save or root / name
        result = _earlier(root) if options.only else {}
        failed = _measure(result, options.only or list(MEASURES), QUICK if options.quick else WHOLE, saved)
        plots(result, root / _IMAGES)
        tables(result, name, root / _DOCUMENT)
    if options.quick:
        print(json.dumps(result, indent=1))
    sys.exit(bool(failed) or wrong(result))


@contextmanager
def _checkout(*, kept: bool) -> Iterator[Path]:
    """Where results, plots and tables go: into this checkout, or into what of it is needed elsewhere, for a while."""
    if kept:
        yield _ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        for part in (_RESULTS, _IMAGES):
            (Path(folder) / part).mkdir(parents=True)
        shutil.copy(_ROOT / _DOCUMENT, Path(folder) / _DOCUMENT)
        yield Path(folder)


def _earlier(root: Path) -> dict[str, Any]:
    """The document of the last whole run."""
    found = sorted((root / _RESULTS).glob("suite-*.json"))
    earlier: dict[str, Any] = json.loads(found[-1].read_text("utf-8")) if found else {}
    return earlier


def _measure(result: dict[str, Any], measures: Sequence[str], scale: Scale, saved: Path) -> list[str]:
    """Add the measures to the result, and write it down after each; those that failed, which are left as they were."""
    load, started, failed = round(os.getloadavg()[0], 1), time.monotonic(), list[str]()
    for name in measures:
        say(f"== {name}")
        try:
            result[name] = MEASURES[name](scale)
        except (SystemExit, Exception):
            traceback.print_exc()
            failed.append(name)
        now = {"load_average": [load, round(os.getloadavg()[0], 1)], "seconds": round(time.monotonic() - started)}
        result.update(environment(_PACKAGES), **now)
        saved.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    say(f"done in {time.monotonic() - started:.0f} s{', but for ' if failed else ''}{', '.join(failed)}")
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows that everything works")
    parser.add_argument("--only", nargs="+", choices=sorted(MEASURES), metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--save", type=Path, help="write the document there, and neither plots nor tables")
    return parser.parse_args()


if __name__ == "__main__":
    main()
