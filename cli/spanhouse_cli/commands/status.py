"""`spanhouse status`."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
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
    "ingest.points.stored",
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
    server = _server(configuration)
    ready, _ = _get(server, "/readyz")
    code, body = _get(server, "/api/v1/status")
    if code != 200 and not (code == 403 and server.certificate):
        raise Failure(f"{server.url}/api/v1/status answers {code}: is this Spanhouse?")
    document = json.loads(body) if code == 200 else {"status": "only for clients with a certificate"}
    click.echo(json.dumps(document, indent=2) if as_json else _for_people(server, ready == 200, document))
    if ready != 200:
        raise Failure(f"Spanhouse at {server.url} runs, but is not ready")


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask. certificate: the one that it shows, if it speaks TLS; no other is taken for it."""

    address: Address
    certificate: Path | None

    @property
    def url(self) -> str:
        """Without a path."""
        return f"{'https' if self.certificate else 'http'}://{self.address}"

    def connect(self) -> http.client.HTTPConnection:
        """A connection, to be opened with the first request."""
        host, port = self.address.host, self.address.port
        if self.certificate is None:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            trust = ssl.create_default_context(cafile=self.certificate)
        except OSError as error:
            raise Failure(f"{self.certificate} (tls_cert) cannot be read: {error.strerror or error}") from error
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trust.check_hostname = False  # it is asked for by address, and trusted for being this very one
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=trust)


def _server(configuration: Configuration) -> Server:
    settings = configuration.settings
    if configuration.origins["http"].source == "default" or settings.http.port == 0:
        content = runtime_file.read(settings.data_dir / "spanhouse.json") or {}
        if isinstance(content.get("http"), str):
            shown = content.get("tls_cert")
            return Server(Address.parse(content["http"]).reachable, Path(shown) if shown else None)
        if configuration.origins["data_dir"].source == "flag":
            raise Failure(
                f"no Spanhouse runs on {settings.data_dir}: there is no spanhouse.json in it. Start one with "
                f"`spanhouse up --data-dir {settings.data_dir}`, or say which one you mean with --http"
            )
    return Server(settings.http.reachable, settings.tls_cert)


def _get(server: Server, path: str) -> tuple[int, bytes]:
    """Status and body of a GET, without any proxy. Raises Failure where nothing answers."""
    connection = server.connect()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Failure(
            f"no Spanhouse answers at {server.url} ({reason}). Start one with `spanhouse up`, or say which one you "
            "mean with --http or --data-dir"
        ) from error
    finally:
        connection.close()


def _for_people(server: Server, ready: bool, document: Mapping[str, Any]) -> str:
    rows = [("address", server.url), ("ready", "yes" if ready else "no")]
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
