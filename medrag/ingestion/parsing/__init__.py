"""Parse files in child processes, within limits of memory and time."""
