"""`spanhouse status`."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from spanhouse_cli import runtime_file
from spanhouse_cli.address import Address
from spanhouse_cli.configuration import Configuration
from spanhouse_cli.failure import Failure
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.readable import readable_age, readable_size
from spanhouse_cli.table import aligned

TIMEOUT_SECONDS = 5.0
_OF_ALL_TENANTS = (
    "ingest.spans.stored",
    "ingest.log.segments",
    "ingest.log.bytes",
    "ingest.quarantined",
    "store.spans",
    "store.traces",
    "store.bytes_on_disk",
    "store.newest_span",
)
EXAMPLES = """
spanhouse status
spanhouse status --http 127.0.0.1:8080 --json
spanhouse status --data-dir ./traces
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured(only=("data_dir", "http"))
@click.option("--json", "as_json", is_flag=True, help="Print the answer of the service as it is.")
def status(configuration: Configuration, as_json: bool) -> None:
    """Ask a running Spanhouse how it is.

    It is found at --http, where that is given, else at the address that the process on --data-dir has written there,
    else, without --data-dir, at the default address. Exit code 1 means that nothing answers there or that it is not
    ready, so this serves as the health check of a container.
    """
    address = _address(configuration)
    ready, _ = _get(address, "/readyz")
    code, body = _get(address, "/api/v1/status")
    if code != 200:
        raise Failure(f"http://{address}/api/v1/status answers {code}: is this Spanhouse?")
    document = json.loads(body)
    click.echo(json.dumps(document, indent=2) if as_json else _for_people(address, ready == 200, document))
    if ready != 200:
        raise Failure(f"Spanhouse at http://{address} runs, but is not ready")


def _address(configuration: Configuration) -> Address:
    settings = configuration.settings
    if configuration.origins["http"].source == "default" or settings.http.port == 0:
        content = runtime_file.read(settings.data_dir / "spanhouse.json") or {}
        if isinstance(content.get("http"), str):
            return Address.parse(content["http"]).reachable
        if configuration.origins["data_dir"].source == "flag":
            raise Failure(
                f"no Spanhouse runs on {settings.data_dir}: there is no spanhouse.json in it. Start one with "
                f"`spanhouse up --data-dir {settings.data_dir}`, or say which one you mean with --http"
            )
    return settings.http.reachable


def _get(address: Address, path: str) -> tuple[int, bytes]:
    """Status and body of a GET, without any proxy. Raises Failure where nothing answers."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Failure(
            f"no Spanhouse answers at http://{address} ({reason}). Start one with `spanhouse up`, or say which one you "
            "mean with --http or --data-dir"
        ) from error
    finally:
        connection.close()


def _for_people(address: Address, ready: bool, document: Mapping[str, Any]) -> str:
    rows = [("address", f"http://{address}"), ("ready", "yes" if ready else "no")]
    return aligned([*rows, *((name, _readable(name, value)) for name, value in _flat(document))])


def _readable(name: str, value: Any) -> str:
    """A figure with its unit, and whose it is; what is counted by tenant has the tenant in its name."""
    text = value if isinstance(value, str) else json.dumps(value)
    if name.endswith((".bytes", ".bytes_on_disk")):
        text = readable_size(value)
    if name == "store.newest_span":
        text = f"started {readable_age(time.time() - int(value) / 1e9)}"
    return f"{text} (all tenants)" if name in _OF_ALL_TENANTS else text


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves, each with its path: `ingest.log.bytes`."""
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value
