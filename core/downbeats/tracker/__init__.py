"""Bars tracked by madmom's neural networks."""
