from .ladder import Extraction as Extraction
from .ladder import extract as extract
