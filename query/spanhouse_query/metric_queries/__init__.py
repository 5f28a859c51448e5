"""The native API over stored metrics (docs/metric-queries.md)."""
