"""The benchmark suite of ingest: what is measured, one module for each measure."""
