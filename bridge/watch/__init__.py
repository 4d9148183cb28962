"""Watched folders: each new audio file becomes a job, once."""
