from .bars import BarGrid as BarGrid
from .clip import Clip as Clip
from .clip import read_clip as read_clip
