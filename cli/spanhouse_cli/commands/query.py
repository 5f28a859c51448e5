"""`spanhouse query`."""

from __future__ import annotations

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.options import options_of
from spanhouse_cli.parts import require_server
from spanhouse_cli.settings import INGEST

EXAMPLES = """
spanhouse query --store http://clickhouse:8123
spanhouse query --config /etc/spanhouse.yaml --http 0.0.0.0:8080
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured(
    but=(*options_of(INGEST), "engine_memory", "data_dir", "otlp_grpc", "otlp_http", "keys_file", "cors_origins")
)
def query(configuration: Configuration) -> None:
    """Answer queries from a ClickHouse server that collectors fill.

    It keeps nothing on disk, and any number of them may run. The tables must exist: a collector makes them when it
    starts, and so does `spanhouse migrate`.
    """
    require_server(configuration.settings, "query")
    from spanhouse_cli import service

    service.run(service.QUERY, configuration)
