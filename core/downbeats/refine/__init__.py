"""Bars refined to the sample."""
