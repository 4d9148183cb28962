"""What the bridge puts where a host, or the system, looks for it."""
