"""How a service ends: on SIGTERM, and when the process that started it is gone.

The supervisor holds the other end of the service's standard input and writes nothing to it. When the supervisor dies,
however that happens, the read ends, and the service leaves as it would on SIGTERM. It also removes the folder of the
run, since nobody else is left to do it.
"""

import atexit
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable

from spanhouse_demo.rundir import this_run

GRACE_SECONDS = 4.0


def hold(on_stop: Callable[[], object] = sys.exit) -> None:
    """Install the handlers; call it first thing in the main thread of a service.

    `on_stop` runs on SIGTERM in the main thread. `sys.exit`, unlike the signal's default action, runs the exit
    handlers, and with them the exporters send their last spans.
    """
    signal.signal(signal.SIGTERM, lambda _signal, _frame: on_stop())
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    os.read(sys.stdin.fileno(), 1)
    atexit.register(_remove_run)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    _remove_run()
    os._exit(1)


def _remove_run() -> None:
    shutil.rmtree(this_run().path, ignore_errors=True)
