"""CPU time of the built-in commands, compared with those of a real Kaldi."""
