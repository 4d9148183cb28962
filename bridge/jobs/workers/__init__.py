"""Worker processes: each runs the core on one job at a time."""
