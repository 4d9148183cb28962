"""The values that all rooms pass on: clips, bars, the spectral cube and its exact inverse."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
