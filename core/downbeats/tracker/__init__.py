"""Bars tracked with madmom's neural networks."""
