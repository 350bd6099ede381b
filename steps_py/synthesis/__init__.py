"""Synthetic audio: speakers, channels, noises, music and rooms, drawn from a seed.

For trying a recipe without a corpus, not for results.  Everything is a pure function of the seed
and of a name, so the bytes do not depend on the order or the number of processes.
"""

SAMPLE_RATE_HZ = 16000
