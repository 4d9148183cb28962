"""Songs whose loops are known, and scores against them."""
