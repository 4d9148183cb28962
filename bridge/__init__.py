"""Everything between a host and the core: OSC messages, the daemon, the clients and the command line."""
