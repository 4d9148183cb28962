"""The ground of the core: errors, settings, progress, threads, compiled loops, names, new files, the cache on disk."""
