"""The commands of `spanhouse`, one in a module. What they need to run is imported when they run."""
