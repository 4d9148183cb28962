"""Separation of loops that repeat only in their spectra, such as music played by hand."""
