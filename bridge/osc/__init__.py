"""OSC packets and messages. Knows no job."""
