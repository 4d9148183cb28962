"""Jobs: requests, job states, the registry and its journal, and the worker processes."""
