"""Acoustic features, as Kaldi computes them, on whole utterances of numpy float32.

    frames.py       framing, dither, DC removal, pre-emphasis, window, energy, FFT
    mel.py          triangular mel filters, with vocal tract length warping
    mfcc.py  fbank.py  spectrogram.py      one feature type each: Config, dim, compute
    deltas.py       time derivatives
    resample.py     sample rate conversion
    split_radix.py  libm.py     Kaldi's own rounding, where it shows

Samples are in the units of 16-bit audio (-32768 .. 32767), not -1 .. 1.
"""
