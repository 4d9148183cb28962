"""OSC packets and messages. Nothing here depends on jobs."""
