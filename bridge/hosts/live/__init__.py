"""The Max for Live device, and its installer."""
