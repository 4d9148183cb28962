"""The separation core: audio in, loops out. Knows no OSC, no host and no job."""
