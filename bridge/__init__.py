"""Everything between a host and the core: the wire, the daemon, the clients and the command line."""
