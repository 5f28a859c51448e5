"""From the log into the engine, and what becomes of what the engine refuses."""
