"""Demo shop: small instrumented services that send spans to a running Spanhouse."""

from spanhouse_demo.options import DemoOptions
from spanhouse_demo.supervisor import run

__all__ = ["DemoOptions", "run"]
