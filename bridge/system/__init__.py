"""What the other rooms build on: settings, private files, log, heap, and daemon.json, the running daemon's file."""
