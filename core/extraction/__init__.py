"""From a clip to its loops."""
