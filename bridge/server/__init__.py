"""The daemon: sockets, the service that answers requests, and events."""
