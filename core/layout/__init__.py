"""The layout: which loop plays in which bar."""
