"""A small HTTP front that speaks ClickHouse's HTTP interface over the embedded engine, in a process of its own.

It lets tests drive the server path (driver, network, error codes) where no ClickHouse server is at hand.
Start it with `tests.clickhouse_front.process.running_front`, or `python -m tests.clickhouse_front --path DIR`.
"""
