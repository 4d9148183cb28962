"""What REAPER's scripts need: a helper process and an installer."""
