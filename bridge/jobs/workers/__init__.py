"""Worker processes. Each runs the core on one job at a time."""
