"""What all rooms use: errors, settings, progress, threads, compiled loops, names, new files, the cache on disk."""
