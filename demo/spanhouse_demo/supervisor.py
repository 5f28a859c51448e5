"""Runs the demo shop from start to end."""

from pathlib import Path
from tempfile import TemporaryDirectory

from spanhouse_demo import console
from spanhouse_demo.endpoint import EndpointWatch, silent_endpoints
from spanhouse_demo.extra import INSTALL_COMMAND, missing_parts
from spanhouse_demo.options import DemoOptions
from spanhouse_demo.rundir import RunFolder
from spanhouse_demo.shop import Shop, ShopError
from spanhouse_demo.stopping import StopFlag, stop_on_signals

PROGRESS_EVERY_SECONDS = 0.5


def run(options: DemoOptions) -> int:
    """Run the shop in the foreground until its journeys are made or it is told to stop; main thread only.

    Returns the exit code: 0 when all went as planned, 1 otherwise, after saying on standard error what was wrong. When
    it returns, no process and no file of the shop is left.
    """
    if obstacle := _obstacle(options):
        console.say_error(obstacle)
        return 1
    with stop_on_signals() as stop, TemporaryDirectory(prefix="spanhouse-demo-", ignore_cleanup_errors=True) as path:
        return _run_shop(RunFolder(Path(path)), options, stop)


def _obstacle(options: DemoOptions) -> str | None:
    if missing := missing_parts():
        return f"the demo shop is not installed ({', '.join(missing)}). Install it: {INSTALL_COMMAND}"
    if silent := silent_endpoints([options.otlp_grpc_url, options.otlp_http_url]):
        return f"no OTLP endpoint answers at {' and '.join(silent)}. Start Spanhouse first: spanhouse up"
    return None


def _run_shop(folder: RunFolder, options: DemoOptions, stop: StopFlag) -> int:
    console.say_opening(options)
    shop = Shop(folder, options, stop)
    endpoints = EndpointWatch([options.otlp_grpc_url, options.otlp_http_url])
    problem = ""
    try:
        shop.open()
        if not stop.is_raised:
            console.say_open(options)
        _watch(shop, endpoints, stop)
    except ShopError as error:
        problem = str(error)
    finally:
        late = shop.close()
    console.say_result(shop.tally())
    if endpoints.has_missed_spans:
        problem = problem or "spans were lost while the OTLP endpoints did not answer"
    if late:
        problem = problem or f"{', '.join(late)} did not stop in time and lost the spans not yet sent"
    if problem:
        console.say_error(problem)
    return 1 if problem or shop.tally().wrong else 0


def _watch(shop: Shop, endpoints: EndpointWatch, stop: StopFlag) -> None:
    while not stop.wait(PROGRESS_EVERY_SECONDS):
        if news := endpoints.look():
            console.say_news(news)
        console.say_progress(shop.tally())
        if shop.has_ended():
            shop.drain()
            return
