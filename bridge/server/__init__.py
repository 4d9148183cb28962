"""The daemon: sockets, the service that answers, and the events it sends."""
