"""`spanhouse up`."""

from __future__ import annotations

import click

from spanhouse_cli.configuration import Configuration
from spanhouse_cli.flags import GroupedCommand, configured

EXAMPLES = """
spanhouse up
spanhouse up --data-dir ./traces --http 0.0.0.0:8080
spanhouse up --store http://clickhouse:8123 --store-user spanhouse
SPANHOUSE_QUERY_TIMEOUT=30s spanhouse up --config spanhouse.yaml
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@configured()
def up(configuration: Configuration) -> None:
    """Run all of Spanhouse in this process, until Ctrl-C.

    It receives OTLP from applications, stores it, and answers queries. Without options it needs nothing else: the
    ClickHouse engine runs in this process and keeps its data in --data-dir.
    """
    from spanhouse_cli import service

    service.run(service.UP, configuration)
