"""The client for Python programs, and the monitor built on it."""
