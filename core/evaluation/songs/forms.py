"""The forms of loops: bars with the same letter are equal."""

import numpy as np

FORMS = {
    1: ("A",),
    2: ("AB",),
    3: ("ABC", "AAB"),
    4: ("ABAC", "ABCD", "AAAB", "AABC"),
    6: ("ABABAC", "ABCABD"),
    8: ("ABACABAD", "ABCDABCE", "AAABAAAC"),
}


def bar_letters(rng: np.random.Generator, bars: int) -> str:
    """One letter for each bar of a loop of 1, 2, 3, 4, 6 or 8 bars, such as "ABAC"."""
    return str(rng.choice(FORMS[bars]))
