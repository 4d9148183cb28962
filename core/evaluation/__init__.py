"""Songs with known loops, and scores of a separation against them."""
