"""Where bars start: a tracker proposes, the sound decides to the sample."""
