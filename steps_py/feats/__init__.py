"""Acoustic features, as Kaldi computes them, on whole utterances of numpy float32.

    frames.py       framing, dither, DC removal, pre-emphasis, window, energy, FFT
    mel.py          triangular mel filters, with vocal tract length warping
    types/          one feature type per file: mfcc, fbank, spectrogram, waveform
    deltas.py       time derivatives
    cmvn.py  vad.py     normalisation, voice activity detection
    front_end.py    a recording to features and voice decisions
    on_device.py    features of batches by torch

Samples are in the units of 16-bit audio (-32768 .. 32767), not -1 .. 1.
"""
