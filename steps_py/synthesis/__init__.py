"""Synthetic audio: speakers, channels, noises, music and rooms, drawn from a seed.

Enough of each to try a recipe on without any corpus; nothing here is meant to
stand in for real speech in a result.  Everything is a pure function of the seed
and of the name of what is drawn: the same bytes come out whatever the order, the
number of processes or the day.
"""

SAMPLE_RATE_HZ = 16000
