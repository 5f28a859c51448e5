"""Query service: HTTP API over the stored spans."""

from spanhouse_query.app import create_app
from spanhouse_query.config import QueryConfig

__all__ = ["QueryConfig", "create_app"]
