"""Loops that repeat in their spectra alone, as played music does."""
