"""`spanhouse demo`."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from spanhouse_cli import runtime_file
from spanhouse_cli.address import Address, parse_place
from spanhouse_cli.configuration import Configuration
from spanhouse_cli.failure import Failure, Misconfigured
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.options import OPTIONS

READY_SECONDS = 30.0
EXAMPLES = """
spanhouse demo --up                          everything, in a folder that is removed at the end
spanhouse demo --up --data-dir ./traces      the same, in a folder that stays
spanhouse demo                               the shop alone, for a Spanhouse that already runs
spanhouse demo --journeys 200 --rate 20
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured(only=("data_dir", "otlp_grpc", "otlp_http", "http", "log_level"))
@click.option("--up", is_flag=True, help="Start Spanhouse too, and stop it with the shop.")
@click.option("--rate", type=float, default=5.0, show_default=True, metavar="NUMBER", help="Journeys a second.")
@click.option("--journeys", type=int, metavar="NUMBER", help="End after so many.  [default: go on until Ctrl-C]")
@click.option("--seed", type=int, default=1, show_default=True, metavar="NUMBER", help="Same seed, same journeys.")
def demo(configuration: Configuration, up: bool, rate: float, journeys: int | None, seed: int) -> None:
    """Run a shop of real services that sends its spans.

    Seven processes, instrumented by stock OpenTelemetry, with customers that call them. Spanhouse is found as
    `spanhouse status` finds it; its addresses can also be given. With --up, the other options of `spanhouse up` are
    taken from the configuration file and the environment.
    """
    if configuration.settings.tls_cert is not None:
        raise Misconfigured("the shop sends in the clear, and tls_cert is set")
    if configuration.settings.keys_file is not None:
        raise Misconfigured("the shop has no API key, and keys_file is set")
    with _spanhouse(configuration) if up else _running(configuration) as addresses:
        code = _run_shop(addresses, rate=rate, journeys=journeys, seed=seed)
    sys.exit(code)


def _run_shop(addresses: Mapping[str, str], **options: Any) -> int:
    from spanhouse_demo import DemoOptions, run

    urls = {option: f"http://{_of_the_network(option, address).reachable}" for option, address in addresses.items()}
    try:
        shop = DemoOptions(
            otlp_grpc_url=urls["otlp_grpc"], otlp_http_url=urls["otlp_http"], ui_url=urls["http"], **options
        )
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    return run(shop)


def _of_the_network(option: str, address: str) -> Address:
    place = parse_place(address)
    if not isinstance(place, Address):
        raise Misconfigured(f"the shop sends over TCP, and {option} is {place}")
    return place


@contextlib.contextmanager
def _running(configuration: Configuration) -> Iterator[dict[str, str]]:
    """The addresses of a Spanhouse that runs already: those that were given, then those in the data folder."""
    settings = configuration.settings
    found = runtime_file.read(settings.data_dir / "spanhouse.json") or {}
    if "tls_cert" in found:
        raise Misconfigured(f"the shop sends in the clear, and the Spanhouse on {settings.data_dir} speaks TLS")
    given = [name for name in ("otlp_grpc", "otlp_http", "http") if configuration.origins[name].source != "default"]
    yield {
        name: str(getattr(settings, name) if name in given or name not in found else found[name])
        for name in ("otlp_grpc", "otlp_http", "http")
    }


@contextlib.contextmanager
def _spanhouse(configuration: Configuration) -> Iterator[dict[str, str]]:
    """The addresses of a `spanhouse up` that is started for this, in a process of its own, and stopped at the end."""
    with contextlib.ExitStack() as at_end:
        at_end.enter_context(_exit_on_signals())
        folder, temporary = configuration.settings.data_dir, ""
        if configuration.origins["data_dir"].source == "default":
            folder = Path(at_end.enter_context(tempfile.TemporaryDirectory(prefix="spanhouse-data-")))
            temporary = str(folder)
        click.echo(f"Starting Spanhouse on {folder}")
        # A session of its own, so that Ctrl-C reaches the shop alone: it stops first and sends its last spans.
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "spanhouse_cli.lifeline", temporary, *_up_command(configuration, folder)],
            stdin=subprocess.PIPE,  # the lifeline, never written to
            start_new_session=True,
        )
        at_end.callback(_stop, process, configuration.settings.shutdown_timeout)
        yield _addresses(process, folder)
        if process.poll() is not None:
            raise Failure(f"Spanhouse ended, with exit code {process.returncode}, before the shop did")


def _up_command(configuration: Configuration, folder: Path) -> list[str]:
    command = ["up"]
    if configuration.file is not None:
        command.append(f"--config={configuration.file}")
    if configuration.origins["log_level"].source == "default":
        command.append("--log-level=warning")
    flags = [name for name, origin in configuration.origins.items() if origin.source == "flag" and name != "data_dir"]
    return [*command, f"--data-dir={folder}", *(f"{OPTIONS[name].flag}={configuration.shown(name)}" for name in flags)]


def _addresses(process: subprocess.Popen[bytes], folder: Path) -> dict[str, str]:
    """What the process wrote when it was ready."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure("Spanhouse could not start; see above")
        content = runtime_file.read(folder / "spanhouse.json") or {}
        if content.get("pid") == process.pid:
            return {name: content[name] for name in ("otlp_grpc", "otlp_http", "http")}
        time.sleep(0.05)
    raise Failure(f"Spanhouse is not ready after {READY_SECONDS:g} s")


def _stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds + 1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    process.stdin.close()


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Leave in order on SIGTERM and SIGHUP too, as on Ctrl-C; the shop has handlers of its own while it runs."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: sys.exit(0)) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
