"""The separation core: audio in, loops out. It contains nothing about OSC, hosts or jobs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
