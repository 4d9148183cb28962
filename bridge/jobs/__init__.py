"""Jobs: what is requested, how far it is, and the processes that do it."""
