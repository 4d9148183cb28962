"""Bars refined to the exact sample."""
