"""Demo shop: small instrumented services that send spans to a running Spanhouse."""
