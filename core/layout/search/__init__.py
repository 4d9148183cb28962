"""The search for the layout with the shortest description of the song."""
