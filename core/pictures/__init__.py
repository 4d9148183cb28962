"""Pictures of an extraction, one file each."""
