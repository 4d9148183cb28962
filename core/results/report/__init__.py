"""The report of a result: one page to look at, listen to and take loops from, without a server or a network."""
