"""A peer to compare with: rotel from PyPI, which exports into the same engine, with the OpenTelemetry schema for it."""
