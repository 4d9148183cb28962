"""Loops that repeat as waveforms, phase and all."""
