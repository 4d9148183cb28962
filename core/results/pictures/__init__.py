"""Pictures of a result, one file each."""
