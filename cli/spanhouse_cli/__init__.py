"""The `spanhouse` command: configuration and composition of the parts."""
