"""The installer of the Max for Live device."""
