"""`python -m spanhouse_cli.lifeline FOLDER COMMAND...`: a `spanhouse` command for as long as its starter lives.

Whoever starts it keeps the other end of its standard input and writes nothing to it. When that process dies, however
that happens, the read ends, and the command stops as it does on SIGTERM. FOLDER, if it is not empty, goes with it then,
since nobody else is left to remove it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading

from spanhouse_cli.main import main


def run() -> None:
    """Run the command; does not return."""
    folder = sys.argv.pop(1)
    cut = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_watch, args=(cut,), name="lifeline", daemon=True).start()
    try:
        main(prog_name="spanhouse")
    finally:
        if cut.is_set() and folder:
            shutil.rmtree(folder, ignore_errors=True)


def _watch(cut: threading.Event) -> None:
    os.read(sys.stdin.fileno(), 1)
    cut.set()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run()
