"""Stems from a layout: as waveforms, by spectra, or by the Tucker decomposition."""
