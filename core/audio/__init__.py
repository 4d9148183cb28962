"""The values that flow through the core: clips, bars, the spectral cube and its exact inverse."""
