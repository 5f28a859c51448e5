"""The queue between checkout and shipping: Celery on kombu's filesystem transport, so that it needs no broker."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.transport import filesystem
from kombu.utils.json import dumps

from spanhouse_demo.rundir import this_run
from spanhouse_demo.topology import QUEUE

POLL_SECONDS = 0.05


class SpoolChannel(filesystem.Channel):
    """kombu's channel writes a message where the worker may already be reading; here it appears whole or not at all."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]  # as its parent
        name = f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        draft = this_run().scratch / name
        draft.write_text(dumps(payload))
        draft.rename(Path(self.data_folder_out) / name)


class SpoolTransport(filesystem.Transport):
    """kombu's filesystem transport with whole messages, and with turns short enough for a worker to stop at once."""

    Channel = SpoolChannel

    def drain_events(self, connection: object, timeout: float | None = None, **_: Any) -> None:
        """Deliver one message, or raise TimeoutError after at most four polls without one."""
        super().drain_events(  # type: ignore[no-untyped-call]  # kombu types none of its own
            connection, timeout=min(timeout or 1, 4 * POLL_SECONDS)
        )


def celery() -> Celery:
    """The application that sender and worker share; messages wait in the folder of this run."""
    app = Celery("shop", broker="filesystem://")
    app.conf.update(
        broker_transport=f"{__name__}:SpoolTransport",
        broker_transport_options={
            "data_folder_in": os.fspath(this_run().queue),
            "data_folder_out": os.fspath(this_run().queue),
            "control_folder": os.fspath(this_run().queue_control),
            "polling_interval": POLL_SECONDS,
        },
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_publish_retry=False,
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
    )
    return app
