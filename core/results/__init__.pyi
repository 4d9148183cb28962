from .read import read_result as read_result
from .write import write_result as write_result
