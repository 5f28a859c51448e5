"""The peer topology: the instances behind the service map, where they are and how they are (docs/topology.md)."""
