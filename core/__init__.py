"""The separation core: audio in, loops out. Knows no OSC, no host and no job."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
