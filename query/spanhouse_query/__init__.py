"""Query service: HTTP API over the stored spans."""
