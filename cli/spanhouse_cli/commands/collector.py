"""`spanhouse collector`."""

from __future__ import annotations

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.options import options_of
from spanhouse_cli.parts import require_server
from spanhouse_cli.settings import QUERY

EXAMPLES = """
spanhouse collector --store http://clickhouse:8123
spanhouse collector --config /etc/spanhouse.yaml --otlp-grpc 0.0.0.0:4317 --otlp-http 0.0.0.0:4318
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured(but=(*options_of(QUERY), "engine_memory"))
def collector(configuration: Configuration) -> None:
    """Receive OTLP and store it on a ClickHouse server.

    Every collector has a data folder of its own, where what it acknowledged waits until the server has it. On --http
    are the probes, the metrics and the status alone. The first collector makes the tables.
    """
    require_server(configuration.settings, "collector")
    from spanhouse_cli import service

    service.run(service.COLLECTOR, configuration)
