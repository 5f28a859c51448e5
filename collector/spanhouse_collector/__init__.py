"""OTLP receiver: checks, logs and loads spans without touching one in Python."""
