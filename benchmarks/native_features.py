"""Features of a wav.scp by the package kaldi-native-fbank, as a process to be timed."""

import sys

import kaldi_native_fbank as knf
import numpy as np
import soundfile


def main(kind, dither, scp):
    options = knf.MfccOptions() if kind == "mfcc" else knf.FbankOptions()
    options.frame_opts.dither = float(dither)
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = 30 if kind == "mfcc" else 80
    if kind == "mfcc":
        options.num_ceps = 30
    with open(scp) as lines, open("feats.ark", "wb") as out:
        for line in lines:
            samples_N, rate_hz = soundfile.read(line.split()[1], dtype="int16")
            computer = (knf.OnlineMfcc if kind == "mfcc" else knf.OnlineFbank)(options)
            computer.accept_waveform(rate_hz, samples_N.astype(np.float32).tolist())
            computer.input_finished()
            for number in range(computer.num_frames_ready):
                out.write(computer.get_frame(number).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
