"""Pictures of a result, one file for each picture."""
