"""Integration with hosts and with the system: installers, the start at log-in, and REAPER's helper process."""
