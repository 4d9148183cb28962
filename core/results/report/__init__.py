"""The report of a result: one page to see, hear and save its loops, without a server or a network."""
