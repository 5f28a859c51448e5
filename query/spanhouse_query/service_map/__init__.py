"""The service map: edges from the rollup and its live end, and what is made of them (docs/service-map.md)."""
