from .client import Client as Client
from .client import result_folder as result_folder
