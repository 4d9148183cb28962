"""The daemon's ground: settings, private files, log, heap, and the file that names the running daemon."""
