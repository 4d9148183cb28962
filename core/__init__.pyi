from .audio import read_clip as read_clip
from .base.errors import LoopError as LoopError
from .base.settings import Settings as Settings
from .extraction import extract as extract
from .results import write_result as write_result
