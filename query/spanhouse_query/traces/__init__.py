"""Traces: finding them and giving them back."""
