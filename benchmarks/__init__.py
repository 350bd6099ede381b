"""How long the built-in commands take, beside those of a real Kaldi."""
