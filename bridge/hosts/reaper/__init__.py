"""For the scripts in REAPER: a helper process and an installer."""
