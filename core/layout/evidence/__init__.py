"""The evidence for a layout: single bins vote for on/off patterns."""
