"""Watched folders: each new audio file in them becomes one job."""
