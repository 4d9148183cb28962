"""Where bars start: a tracker proposes bars, then the repetition in the sound fixes them to the sample."""
