"""Command lines and inputs drawn at random, for each family of Kaldi's commands.

The golden files hold the built-in commands to what Kaldi did with 90 inputs; these are to
be run with both, on inputs that nobody picked: see tests/kaldi/test_random.py.

    KALDI_ROOT=/path/to/kaldi python -m tests.kaldi.random_cases --draws 300 --seed 1

A case is drawn from its family's name and a number, so it can be drawn again alone.  A
drawn command may be one that Kaldi refuses; then both must.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import kaldi_native_io
import numpy as np

Case = collections.namedtuple("Case", "command outputs")
FAMILIES = {}


def family(function):
    """Register a function of a Draw that writes inputs and returns a Case."""
    FAMILIES[function.__name__] = function
    return function


def draw_case(name, number, folder):
    """The Case `number` of a family; its inputs are written to `folder`/in."""
    (folder / "in").mkdir()
    seed = [number, *name.encode()]
    return FAMILIES[name](Draw(folder / "in", np.random.default_rng(seed)))


class Draw:
    """Random choices, and random files in a folder that commands know as ``in``."""

    def __init__(self, folder, rng):
        self.folder = folder
        self.rng = rng

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def one_of(self, *values):
        return values[self.rng.integers(len(values))]

    def integer(self, low, high):
        """From `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def options(self, choices, probability=0.4):
        """Some of the options of {name: values}, each with one of its values."""
        given = [
            f"--{name}={self.one_of(*values)}"
            for name, values in choices.items()
            if self.chance(probability)
        ]
        return " ".join(given)

    def lines(self, name, lines):
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))
        return f"in/{name}"

    def table(self, name, kind, entries, scp=False):
        """Write an archive, binary or text; the rspecifier of it, or of a script file."""
        path = self.folder / f"{name}.ark"
        spec = f"ark{self.one_of('', ',t')}:{path}"
        if scp:
            spec = f"ark,scp{self.one_of('', ',t')}:{path},{self.folder}/{name}.scp"
        with getattr(kaldi_native_io, f"{kind}Writer")(spec) as writer:
            for key, value in entries.items():
                writer.write(key, value)
        if not scp:
            return f"ark:in/{name}.ark"
        script = self.folder / f"{name}.scp"
        script.write_text(script.read_text().replace(str(self.folder), "in"))
        return f"scp:in/{name}.scp"

    def matrix(self, num_rows, num_cols):
        """float32 (num_rows, num_cols), sometimes of wide range, with steps or constant columns."""
        x_TD = self.rng.normal(self.rng.normal(0, 5, num_cols), 3, (num_rows, num_cols))
        if self.chance(0.2):
            x_TD *= 10.0 ** self.rng.integers(-3, 4, num_cols)
        if self.chance(0.2):
            x_TD = np.round(x_TD)
        if self.chance(0.2):
            x_TD[:, self.rng.integers(num_cols)] = self.one_of(0.0, 1.5, -20.0)
        return x_TD.astype(np.float32)

    def features(self, name="feats", dim=None, low=1, high=250, count=None, scp=None):
        """A table of feature matrices: its rspecifier and {utterance: matrix}."""
        dim = dim or self.integer(1, 40)
        count = count or self.integer(1, 5)
        feats = {f"utt{i}": self.matrix(self.integer(low, high), dim) for i in range(count)}
        scp = self.chance(0.5) if scp is None else scp
        return self.table(name, "FloatMatrix", feats, scp), feats

    def sound(self, num_samples, rate_hz):
        """int16 samples: noise, tones, bursts, a click, clipped or silent stretches."""
        time_N = np.arange(num_samples) / rate_hz
        level = 10.0 ** self.rng.uniform(0.5, 4.2)
        kind = self.one_of("noise", "tones", "bursts", "voice", "voice")
        x_N = self.rng.normal(0, 1, num_samples)
        if kind == "tones":
            freqs = self.rng.uniform(50, rate_hz / 2, self.integer(1, 4))
            x_N = 0.01 * x_N + sum(np.sin(2 * np.pi * f * time_N) for f in freqs)
        elif kind == "bursts":
            x_N *= np.sin(2 * np.pi * self.rng.uniform(1, 6) * time_N) > self.rng.uniform(-0.5, 0.5)
        elif kind == "voice":
            pitch = self.rng.uniform(80, 300) * (1 + 0.05 * np.sin(2 * np.pi * 3 * time_N))
            x_N = 0.1 * x_N + np.sin(np.cumsum(2 * np.pi * pitch / rate_hz)) ** 15
            x_N *= 0.6 + 0.4 * np.sin(2 * np.pi * self.rng.uniform(1, 4) * time_N)
        return np.clip(np.round(level * x_N), -32768, 32767).astype("<i2")

    def wave_file(self, name, num_samples, rate_hz, num_channels=1, sound=None):
        channels = [
            self.sound(num_samples, rate_hz) if sound is None else sound
            for _ in range(num_channels)
        ]
        with wave.open(str(self.folder / name), "wb") as out:
            out.setnchannels(num_channels)
            out.setsampwidth(2)
            out.setframerate(rate_hz)
            out.writeframes(np.stack(channels, axis=1).tobytes())
        return f"in/{name}"

    def recordings(self, rates=(8000, 16000, 16000, 11025, 22050, 44100), stereo=0.1):
        """A wav.scp of one to three recordings of one rate: its rspecifier and the rate."""
        rate_hz = self.one_of(*rates)
        lines = []
        for i in range(self.integer(1, 3)):
            num_samples = int(rate_hz * self.rng.uniform(0.02, 1.5))
            path = self.wave_file(
                f"utt{i}.wav", num_samples, rate_hz, 2 if self.chance(stereo) else 1
            )
            lines.append(f"utt{i} {path if self.chance(0.7) else f'cat {path} |'}")
        return "scp:" + self.lines("wav.scp", lines), rate_hz

    def speakers(self, counts):
        """spk2utt and utt2spk of speakers with so many utterances."""
        spk2utt = {f"spk{s}": [f"spk{s}-{u}" for u in range(n)] for s, n in enumerate(counts)}
        self.lines("spk2utt", [f"{spk} {' '.join(utts)}" for spk, utts in spk2utt.items()])
        self.lines("utt2spk", [f"{utt} {spk}" for spk, utts in spk2utt.items() for utt in utts])
        return spk2utt

    def vectors(self, spk2utt, dim, name="vectors", within=0.7):
        """A table of vectors scattered about a mean for each speaker."""
        mean_D = self.rng.normal(0, 1, dim)
        scale_DD = self.rng.normal(0, 1, (dim, dim)) / np.sqrt(dim) + np.eye(dim)
        entries = {}
        for utts in spk2utt.values():
            centre_D = self.rng.normal(0, 1, dim)
            for utt in utts:
                x_D = mean_D + scale_DD @ (centre_D + within * self.rng.normal(0, 1, dim))
                entries[utt] = x_D.astype(np.float32)
        return self.table(name, "FloatVector", entries), entries


FRAMES = {
    "frame-length": (25, 20, 32, 10, 30.5, 50),
    "frame-shift": (10, 5, 12.5, 20),
    "preemphasis-coefficient": (0, 0.9, 0.97, 1.0),
    "remove-dc-offset": ("true", "false"),
    "window-type": ("povey", "hamming", "hanning", "rectangular", "sine", "blackman"),
    "blackman-coeff": (0.42, 0.3),
    "round-to-power-of-two": ("true", "false"),
    "snip-edges": ("true", "false"),
    "energy-floor": (0.0, 1.0, 1000.0),
    "raw-energy": ("true", "false"),
    "subtract-mean": ("true", "false"),
    "channel": (-1, 0, 1),
    "min-duration": (0.1, 0.5),
}
MELS = {
    "num-mel-bins": (23, 30, 40, 64, 80),
    "low-freq": (0, 20, 64, 200),
    "high-freq": (0, -400, 3700, 2500.5),
    "htk-compat": ("true", "false"),
    "vtln-low": (60, 100),
    "vtln-high": (-500, -300),
    "vtln-warp": (0.85, 0.95, 1.1),
    "energy-floor": (0.0, 1.0, 1000.0),
}


def _feature_case(draw, command, settings, extra=""):
    wavs, rate_hz = draw.recordings()
    asked_hz = rate_hz
    # Resampling leaves an empty band, whose content is the order of sums in the BLAS.
    shows_weak_bands = "spectrogram" in command or "log-fbank=false" in settings
    if draw.chance(0.15) and not shows_weak_bands:
        asked_hz = draw.one_of(8000, 16000)
        settings += draw.options(
            {"allow-downsample": ("true", "false"), "allow-upsample": ("true", "false")}, 0.8
        ).replace("--", " --")
    if "log-fbank=false" in settings:  # energies of 1e11: their mean is off by more than is left
        settings = settings.replace("--subtract-mean=true", "")
    outputs = {"feats.ark": "matrix"}
    if draw.chance(0.2):
        settings += " --write-utt2dur=ark,t:OUT/utt2dur"
        outputs["utt2dur"] = "text"
    line = f"{command} --dither=0 --sample-frequency={asked_hz} {settings} {extra} {wavs}"
    return Case(f"{line} ark:OUT/feats.ark", outputs)


@family
def mfcc(draw):
    own = {
        "num-ceps": (1, 13, 20, 23, 30),
        "use-energy": ("true", "false"),
        "cepstral-lifter": (0, 10, 22.5),
    }
    extra = ""
    if draw.chance(0.1):
        draw.lines("warps", [f"spk{i} {draw.rng.uniform(0.8, 1.2):.3f}" for i in range(3)])
        draw.lines("utt2spk", [f"utt{i} spk{i}" for i in range(3)])
        extra = "--vtln-map=ark,t:in/warps --utt2spk=ark,t:in/utt2spk"
    return _feature_case(
        draw, "compute-mfcc-feats", draw.options({**FRAMES, **MELS, **own}, 0.25), extra
    )


@family
def fbank(draw):
    own = dict.fromkeys(("use-energy", "use-log-fbank", "use-power"), ("true", "false"))
    return _feature_case(draw, "compute-fbank-feats", draw.options({**FRAMES, **MELS, **own}, 0.25))


@family
def spectrogram(draw):
    own = {"return-raw-fft": ("true", "false", "false")}
    return _feature_case(draw, "compute-spectrogram-feats", draw.options({**FRAMES, **own}, 0.25))


@family
def frames(draw):
    """add-deltas, splice-, paste-, subsample-feats, extract-feature-segments."""
    table, feats = draw.features()
    command = draw.one_of("deltas", "splice", "paste", "subsample", "segments")
    if command == "deltas":
        settings = draw.options(
            {"delta-order": (0, 1, 2, 3), "delta-window": (1, 2, 3, 5), "truncate": (0, 1, 3)}
        )
        line = f"add-deltas {settings}"
    elif command == "splice":
        settings = draw.options({"left-context": (0, 1, 4, 9), "right-context": (0, 2, 4)})
        line = f"splice-feats {settings}"
    elif command == "subsample":
        line = f"subsample-feats {draw.options({'n': (1, 2, 3, 7, -1, -3), 'offset': (0, 1, 2)})}"
    elif command == "segments":
        segments = []
        for number in range(draw.integer(1, 6)):
            utt = draw.one_of(*feats, "nobody") if draw.chance(0.2) else draw.one_of(*feats)
            length_sec = len(feats.get(utt, ())) / 100
            start_sec = draw.rng.uniform(0, max(length_sec, 0.1))
            end_sec = start_sec + draw.rng.uniform(-0.02, length_sec)
            segments.append(f"s{number} {utt} {start_sec:.3f} {end_sec:.3f}")
        draw.lines("segments", segments)
        settings = draw.options(
            {
                "frame-length": (25, 20),
                "frame-shift": (10, 5),
                "max-overshoot": (0.0, 0.1, 1.0),
                "min-segment-length": (0.1, 0.5),
                "snip-edges": ("true", "false"),
            }
        )
        return Case(
            f"extract-feature-segments {settings} {table} in/segments ark:OUT/feats.ark",
            {"feats.ark": "matrix"},
        )
    else:
        others = {
            utt: draw.matrix(max(len(x) + draw.integer(-1, 1), 1), draw.integer(1, 9))
            for utt, x in feats.items()
            if draw.chance(0.9)
        }
        second = draw.table("second", "FloatMatrix", others)
        tolerance = draw.options({"length-tolerance": (0, 1, 2)}, 0.8)
        line, table = f"paste-feats {tolerance}", f"{table} {second}"
    return Case(f"{line} {table} ark:OUT/feats.ark", {"feats.ark": "matrix"})


@family
def copies(draw):
    """copy-feats with compression, ranges, text; lengths and dimensions."""
    table, feats = draw.features(scp=True)
    if draw.chance(0.5):
        lines = (draw.folder / "feats.scp").read_text().splitlines()
        for number, x_TD in enumerate(feats.values()):
            row = draw.integer(0, len(x_TD) - 1)
            last = draw.integer(row, len(x_TD) - 1 + draw.chance(0.1))
            col = draw.integer(0, x_TD.shape[1] - 1)
            span = draw.one_of(f"{row}:{last}", f"{row}:{last},{col}:{col}", f":,{col}:{col}")
            lines[number] += f"[{span}]"
        draw.lines("feats.scp", lines)
    kind = draw.one_of("plain", "compress", "compress", "text", "len", "dim")
    if kind == "len":
        return Case(f"feat-to-len {table} ark,t:OUT/len", {"len": "text"})
    if kind == "dim":
        return Case(f"feat-to-dim {table} ark,t:OUT/dim", {"dim": "text"})
    out, settings, outputs = "ark:OUT/feats.ark", "", {"feats.ark": "matrix"}
    if kind == "compress":
        settings = f"--compress=true --compression-method={draw.integer(1, 7)}"
        if draw.chance(0.5):  # and what is compressed is read again
            out = f"ark:- | copy-feats ark:- {out}"
    if kind == "text":
        out, outputs = "ark,t:OUT/feats.txt", {"feats.txt": "text"}
    if draw.chance(0.3):
        settings += " --write-num-frames=ark,t:OUT/num_frames"
        outputs["num_frames"] = "text"
    return Case(f"copy-feats {settings} {table} {out}", outputs)


@family
def cmvn(draw):
    """apply-cmvn-sliding; compute-cmvn-stats and apply-cmvn, by utterance, speaker or global."""
    table, feats = draw.features()
    if draw.chance(0.5):
        settings = draw.options(
            {
                "cmn-window": (1, 2, 10, 60, 300, 1000),
                "min-cmn-window": (1, 5, 100),
                "center": ("true", "false"),
                "norm-vars": ("true", "false"),
                "max-warnings": (0,),
            },
            0.6,
        )
        return Case(
            f"apply-cmvn-sliding {settings} {table} ark:OUT/feats.ark", {"feats.ark": "matrix"}
        )
    apply = draw.options(
        {
            "norm-vars": ("true", "false"),
            "norm-means": ("true", "true", "false"),
            "skip-dims": ("0", "0:2"),
            "reverse": ("true", "false"),
        }
    )
    compute, kind = "", draw.one_of("utterance", "speaker", "global")
    if kind == "speaker":
        utts = list(feats)
        cut = draw.integer(1, len(utts))
        groups = [group for group in (utts[:cut], utts[cut:]) if group]
        draw.lines("spk2utt", [f"spk{i} {' '.join(group)}" for i, group in enumerate(groups)])
        pairs = [f"{utt} spk{i}" for i, group in enumerate(groups) for utt in group]
        draw.lines("utt2spk", pairs)
        compute += " --spk2utt=ark:in/spk2utt"
        apply += " --utt2spk=ark:in/utt2spk"
    if draw.chance(0.3):
        weights = {utt: draw.rng.random(len(x)).astype(np.float32) for utt, x in feats.items()}
        compute += f" --weights={draw.table('weights', 'FloatVector', weights)}"
    stats = "OUT/stats" if kind == "global" else "ark:OUT/stats"
    table = draw.features(scp=True)[0] if kind == "global" else table
    return Case(
        f"compute-cmvn-stats {compute} {table} {stats}"
        f" && apply-cmvn {apply} {stats} {table} ark:OUT/feats.ark",
        {"feats.ark": "matrix"} | ({} if kind == "global" else {"stats": "dmatrix"}),
    )


@family
def voice_activity(draw):
    table, feats = draw.features(high=600)
    settings = draw.options(
        {
            "vad-energy-threshold": (5.5, 0, -3, 40),
            "vad-energy-mean-scale": (0.5, 0, 1.0),
            "vad-frames-context": (0, 1, 2, 5, 20),
            "vad-proportion-threshold": (0.6, 0.12, 0.5, 0.9),
            "omit-unvoiced-utts": ("true", "false"),
        },
        0.7,
    )
    if draw.chance(0.5):
        return Case(f"compute-vad {settings} {table} ark:OUT/vad.ark", {"vad.ark": "vector"})
    voiced = {
        utt: (draw.rng.random(len(x) + draw.chance(0.05)) < draw.rng.random()).astype(np.float32)
        for utt, x in feats.items()
        if draw.chance(0.9)
    }
    vad = draw.table("vad", "FloatVector", voiced)
    return Case(f"select-voiced-frames {table} {vad} ark:OUT/feats.ark", {"feats.ark": "matrix"})


@family
def audio(draw):
    """wav-copy, wav-to-duration, extract-segments."""
    wavs, _ = draw.recordings(stereo=0.4)
    kind = draw.one_of("copy", "duration", "segments", "segments")
    if kind == "copy":
        line = f"wav-copy {wavs} ark:-"
    elif kind == "duration":
        settings = draw.options({"read-entire-file": ("true", "false")})
        return Case(f"wav-to-duration {settings} {wavs} ark,t:OUT/dur", {"dur": "text"})
    else:
        segments = []
        for number in range(draw.integer(1, 6)):
            start_sec = draw.rng.uniform(0, 0.8)
            end_sec = draw.one_of(-1, start_sec + draw.rng.uniform(-0.05, 0.9))
            end = "-1" if end_sec == -1 else f"{end_sec:.3f}"
            channel = f" {draw.integer(0, 1)}" if draw.chance(0.4) else ""
            segments.append(f"s{number} utt{draw.integer(0, 2)} {start_sec:.3f} {end}{channel}")
        draw.lines("segments", segments)
        settings = draw.options({"max-overshoot": (0, 0.1, 2), "min-segment-length": (0.05, 0.3)})
        line = f"extract-segments {settings} {wavs} in/segments ark:-"
    return Case(
        f"{line} | compute-fbank-feats --dither=0 --allow-downsample=true --sample-frequency=8000"
        " ark:- ark:OUT/feats.ark",
        {"feats.ark": "matrix"},
    )


@family
def reverberation(draw):
    rate_hz = draw.one_of(8000, 16000)
    other_hz = 24000 - rate_hz if draw.chance(0.03) else rate_hz
    channels = draw.one_of(1, 1, 1, 2)
    source = draw.wave_file("a.wav", draw.integer(200, 2 * rate_hz), rate_hz, channels)
    options = {
        "shift-output": ("true", "false"),
        "normalize-output": ("true", "false"),
        "volume": (0.3, 1.0, 2.0),
        "duration": (0.5, 1.2, 3.0),
        "input-wave-channel": range(channels),
        "noise-channel": (0, 0, 1),
    }
    words = [draw.options(options, 0.3)]
    if draw.chance(0.7):
        num_channels = draw.one_of(1, 1, 2, 3)
        rir_N = _room_response(draw, rate_hz)
        draw.wave_file("rir.wav", len(rir_N), other_hz, num_channels, rir_N)
        words.append("--impulse-response=in/rir.wav")
        words.append(draw.options({"rir-channel": range(num_channels)}))
        words.append(draw.options({"multi-channel-output": ("true",)}, 0.2))
    if draw.chance(0.6):
        signals, starts, snrs = [], [], []
        for number in range(draw.integer(1, 4)):
            name = f"noise{number}.wav"
            path = draw.wave_file(name, draw.integer(100, 3 * rate_hz), rate_hz, 1)
            nested = f"wav-reverberate --duration={draw.rng.uniform(0.2, 3):.2f} {path} - |"
            signals.append(nested if draw.chance(0.3) else path)
            starts.append(f"{draw.rng.uniform(0, 1.5):.3f}")
            snrs.append(f"{draw.rng.uniform(-5, 25):.1f}")
        words.append(f"--additive-signals='{','.join(signals)}'")
        words.append(f"--start-times='{','.join(starts)}' --snrs='{','.join(snrs)}'")
    return Case(f"wav-reverberate {' '.join(words)} {source} OUT/o.wav", {"o.wav": "wav"})


def _room_response(draw, rate_hz):
    num_samples = draw.integer(50, rate_hz)
    decay_N = np.exp(-np.arange(num_samples) / (rate_hz * draw.rng.uniform(0.01, 0.2)))
    rir_N = draw.rng.normal(0, 2000, num_samples) * decay_N
    rir_N[draw.integer(0, num_samples // 4)] = draw.one_of(20000, -20000, 32767)
    return np.clip(rir_N, -32768, 32767).astype("<i2")


@family
def vectors(draw):
    """Means, lengths, transforms, copies of vectors and matrices, dot products."""
    dim = draw.integer(2, 30)
    spk2utt = draw.speakers([draw.integer(1, 5) for _ in range(draw.integer(1, 8))])
    table, entries = draw.vectors(spk2utt, dim)
    kind = draw.one_of("mean", "spk", "subtract", "length", "transform", "copy", "matrix", "dot")
    out = {"v.ark": "vector"}
    if kind == "mean":
        return Case(f"ivector-mean {table} OUT/mean.vec", {"mean.vec": "vector_file"})
    if kind == "spk":
        return Case(
            f"ivector-mean ark:in/spk2utt {table} ark:OUT/v.ark ark,t:OUT/num_utts",
            out | {"num_utts": "text"},
        )
    if kind == "subtract":
        settings = draw.options({"subtract-mean": ("true", "false")})
        given = f"<(ivector-mean {table} -) " if draw.chance(0.5) else ""
        return Case(f"ivector-subtract-global-mean {settings} {given}{table} ark:OUT/v.ark", out)
    if kind == "length":
        settings = draw.options({"scaleup": ("true", "false"), "normalize": ("true", "false")})
        return Case(f"ivector-normalize-length {settings} {table} ark:OUT/v.ark", out)
    if kind == "transform":
        command = draw.one_of("ivector-transform", "transform-vec")
        extra = draw.one_of(0, 1, 1, 2)
        x_OI = draw.rng.normal(0, 1, (draw.integer(1, 20), dim + extra))
        rows = "\n".join(" ".join(f"{x:.5g}" for x in row) for row in x_OI)
        draw.lines("transform.mat", [f"[ {rows} ]"])
        return Case(f"{command} in/transform.mat {table} ark:OUT/v.ark", out)
    if kind == "copy":
        settings = draw.options({"scale": (0.1, -2), "change-dim": (3, 40)})
        text = draw.chance(0.5)
        return Case(
            f"copy-vector {settings} {table} ark{',t' if text else ''}:OUT/v.ark",
            {"v.ark": "text" if text else "vector"},
        )
    if kind == "matrix":
        matrices = {f"m{i}": draw.rng.random((4, dim)).astype(np.float32) for i in range(3)}
        settings = draw.options(
            {
                "scale": (0.1, 2),
                "apply-exp": ("true", "false"),
                "apply-log": ("true", "false"),
                "apply-power": (0.5, 2.0),
                "apply-softmax-per-row": ("true", "false"),
            },
            0.25,
        )
        name = draw.table("matrices", "FloatMatrix", matrices)
        return Case(f"copy-matrix {settings} {name} ark:OUT/m.ark", {"m.ark": "matrix"})
    trials = _trials(draw, list(entries), list(entries))
    return Case(
        f"ivector-compute-dot-products {trials} {table} {table} OUT/scores", {"scores": "scores"}
    )


def _trials(draw, first, second):
    lines = []
    for _ in range(draw.integer(1, 40)):
        pair = [draw.one_of(*first), draw.one_of(*second)]
        if draw.chance(0.03):
            pair[draw.integer(0, 1)] = "nobody"
        lines.append(" ".join(pair))
    return draw.lines("trials", lines)


@family
def lda(draw):
    """LDA and PCA, by what they do to vectors."""
    dim = draw.integer(2, 25)
    num_speakers = draw.integer(4, 40)
    least = 2 + 2 * dim // num_speakers  # fewer leave directions without any variance
    spk2utt = draw.speakers([draw.integer(least, least + 6) for _ in range(num_speakers)])
    table, _ = draw.vectors(spk2utt, dim)
    out_dim = draw.integer(1, max(min(dim, num_speakers - 1) - 1, 1))
    if draw.chance(0.3):
        settings = draw.options(
            {
                "dim": (out_dim,),
                "normalize-mean": ("true", "false"),
                "normalize-variance": ("true", "false"),
            },
            0.7,
        )
        command = f"est-pca --read-vectors=true {settings} {table} OUT/lda.mat"
    else:
        settings = draw.options(
            {
                "total-covariance-factor": (0.0, 0.1, 0.5),
                "covariance-floor": (1e-6, 0.01),
            },
            0.6,
        )
        command = (
            f"ivector-compute-lda --dim={out_dim} {settings} 'ark:ivector-subtract-global-mean"
            f" {table} ark:- |' ark:in/utt2spk OUT/lda.mat"
        )
    return Case(
        f"{command} && transform-vec OUT/lda.mat {table} ark:OUT/v.ark", {"v.ark": "vector"}
    )


@family
def plda(draw):
    """PLDA: trained, smoothed, adapted, and scores with it."""
    dim = draw.integer(2, 20)
    spk2utt = draw.speakers([draw.integer(1, 7) for _ in range(draw.integer(3 * dim, 6 * dim))])
    table, _ = draw.vectors(spk2utt, dim)
    binary = draw.options({"binary": ("true", "false"), "num-em-iters": (1, 5, 10, 15)})
    steps = [f"ivector-compute-plda {binary} ark:in/spk2utt {table} OUT/plda"]
    model, outputs = "OUT/plda", {"plda": "plda"}
    other = {f"e{s}": [f"e{s}-{u}" for u in range(dim + 5)] for s in range(draw.integer(2, 5))}
    tests, entries = draw.vectors(other, dim, "eval", draw.rng.uniform(0.3, 1.5))
    if draw.chance(0.3):
        smoothing = draw.one_of(0.0, 0.05, 0.3)
        steps.append(f"ivector-copy-plda --smoothing={smoothing} {model} OUT/smooth")
        model, outputs = "OUT/smooth", outputs | {"smooth": "plda"}
    if draw.chance(0.3):
        settings = draw.options(
            {
                "within-covar-scale": (0.3, 0.75, 1.0),
                "between-covar-scale": (0.1, 0.25, 0.7),
                "mean-diff-scale": (0.0, 0.5, 1.0),
            },
            0.7,
        )
        steps.append(f"ivector-adapt-plda {settings} {model} {tests} OUT/adapted")
        model, outputs = "OUT/adapted", outputs | {"adapted": "plda"}
    if draw.chance(0.3):
        draw.lines("reco2utt", [f"{spk} {' '.join(utts)}" for spk, utts in other.items()])
        energy = draw.one_of(0.1, 0.5, 0.9)
        steps.append(
            f"ivector-plda-scoring-dense --target-energy={energy} {model} ark:in/reco2utt"
            f" {tests} ark:OUT/dense.ark"
        )
        return Case(" && ".join(steps), outputs | {"dense.ark": "matrix"})
    settings = draw.options(
        {
            "normalize-length": ("true", "false"),
            "simple-length-normalization": ("true", "false"),
        },
        0.7,
    )
    enrolled = list(entries)
    if draw.chance(0.4):
        draw.lines("num_utts", [f"{utt} {draw.integer(1, 9)}" for utt in enrolled])
        settings += " --num-utts=ark:in/num_utts"
    trials = _trials(draw, enrolled, enrolled)
    steps.append(f"ivector-plda-scoring {settings} {model} {tests} {tests} {trials} OUT/scores")
    return Case(" && ".join(steps), outputs | {"scores": "scores"})


@family
def tables(draw):
    """Names of tables: options, offsets, pipes, text and binary, single and double precision."""
    kind, command = draw.one_of(("Matrix", "copy-feats"), ("Vector", "copy-vector"))
    precision = draw.one_of("Float", "Double")
    keys = sorted(f"utt{i}" for i in draw.rng.choice(99, draw.integer(1, 6), replace=False))
    shape = [draw.integer(1, 20) for _ in range(1 + (kind == "Matrix"))]
    entries = {
        key: draw.rng.normal(0, 10, shape).astype("f4" if precision == "Float" else "f8")
        for key in keys
    }
    table = draw.table("data", f"{precision}{kind}", entries, scp=True)
    names = ["p", "s", "cs", "o", "bg"]
    if draw.chance(0.5):
        table = "ark:in/data.ark"
    elif draw.chance(0.4):  # an entry that is not there, and what p makes of it
        names.remove("bg")  # Kaldi hangs
        lines = (draw.folder / "data.scp").read_text().splitlines()
        lines.insert(draw.integer(0, len(lines)), draw.one_of("zzz in/none.ark:5", "zzz false |"))
        draw.lines("data.scp", lines)
    kind_of_table, _, place = table.partition(":")
    options = [name for name in names if draw.chance(0.3)]
    if draw.chance(0.3):
        place = f"cat {place} |"
    source = ",".join([kind_of_table, *options]) + f":{place}"
    line, target = f"{command} '{source}'", "OUT/out.ark"
    how = draw.one_of("ark", "ark,t", "ark,scp", "pipe", "random")
    if how == "random" and kind == "Matrix":
        voiced = {key: np.ones(shape[0], np.float32) for key in keys if draw.chance(0.8)}
        draw.table("vad", "FloatVector", voiced)
        line = f"select-voiced-frames ark:in/data.ark '{source.replace('data', 'vad')}'"
        line = line.replace("scp", "ark").replace("none.ark:5", "")
        line += f" ark:{target}"
    elif how == "pipe":
        line += f" ark:'| cat > {target}'"
    elif how == "ark,scp":
        line += f" ark,scp:{target},OUT/out.scp && {command} scp:OUT/out.scp ark:OUT/again.ark"
        target = "OUT/again.ark"
    else:
        line += f" {how if how != 'random' else 'ark'}:{target}"
    return Case(line, {target.removeprefix("OUT/"): kind.lower()})


@family
def eer(draw):
    lines = []
    for _ in range(draw.integer(2, 200)):
        target = draw.chance(0.4)
        score = draw.rng.normal(2.0 * target, 1.5)
        shown = f"{score:.1f}" if draw.chance(0.3) else f"{score:.6f}"
        lines.append(f"{shown} {'target' if target else 'nontarget'}")
    pairs = draw.lines("pairs", lines)
    return Case(f"compute-eer {pairs} > OUT/eer", {"eer": "text"})


@family
def clustering(draw):
    matrices, lines, counts = {}, [], []
    for number in range(draw.integer(1, 4)):
        size = draw.integer(1, 40)
        near = draw.rng.normal(0, 1, (size, 3))
        scores = -((near[:, None] - near[None]) ** 2).sum(axis=2) + draw.rng.uniform(0, 4)
        matrices[f"r{number}"] = scores.astype(np.float32)
        lines.append(f"r{number} " + " ".join(f"r{number}-{i}" for i in range(size)))
        counts.append(f"r{number} {draw.integer(1, 8)}")
    draw.lines("reco2utt", lines)
    draw.lines("reco2num_spk", counts)
    table = draw.table("dense", "FloatMatrix", matrices, scp=True)
    settings = draw.options(
        {
            "threshold": (-2.0, 0.0, 0.5, 2.0),
            "read-costs": ("true", "false"),
            "reco2num-spk-rspecifier": ("ark,t:in/reco2num_spk",),
            "max-spk-fraction": (0.2, 0.5, 1.0),
            "first-pass-max-utterances": (5, 12, 32767),
        },
        0.5,
    )
    return Case(
        f"agglomerative-cluster {settings} {table} ark:in/reco2utt ark,t:OUT/labels",
        {"labels": "text"},
    )


@family
def network(draw):
    """nnet3-copy, nnet3-info and nnet3-xvector-compute with a small random x-vector network."""
    nodes, has_dropout = _random_network(draw)
    kind = draw.one_of("info", "copy", "xvector", "xvector", "xvector")
    if kind == "info":
        return Case("nnet3-info in/network.raw > OUT/info", {"info": "text"})
    edit = draw.one_of("none", "config", "edits", "options")
    settings = ""
    if edit == "config":
        draw.lines("extract.config", [f"output-node name=output input={draw.one_of(*nodes)}"])
        settings = "--nnet-config=in/extract.config"
    elif edit == "edits":
        edits = [
            "remove-orphans",
            "rename-node old-name=pool new-name=pooled",
            "set-learning-rate name=affine* learning-rate=0.25",
            "set-learning-rate-factor learning-rate-factor=0.5",
            "remove-orphan-components",
        ]
        if has_dropout:
            edits.append("set-dropout-proportion name=* proportion=0.3")
        chosen = [text for text in edits if draw.chance(0.4)]
        settings = f"'--edits={';'.join(chosen)}'" if chosen else ""
    elif edit == "options":
        settings = draw.options(
            {
                "learning-rate": (0.1, 0.003),
                "scale": (0.5, 1.0),
                "prepare-for-test": ("true", "false"),
                "batchnorm-test-mode": ("true", "false"),
            }
        )
    if kind == "copy":
        line = f"nnet3-copy {settings} in/network.raw OUT/copy.raw"
        return Case(
            f"{line} && nnet3-copy --binary=false OUT/copy.raw OUT/copy.txt", {"copy.txt": "text"}
        )
    table, _ = draw.features(dim=7, high=200)
    sizes = draw.options(
        {
            "chunk-size": (-1, 30, 60, 10000),
            "min-chunk-size": (15, 25, 100),
            "pad-input": ("true", "false"),
        },
        0.7,
    )
    if "chunk-size=30" in sizes or "chunk-size=60" in sizes:
        # Without padding, chunks below the minimum leave nothing, of which Kaldi makes nan.
        sizes = sizes.replace("--pad-input=false", "--pad-input=true")
    model = f"'nnet3-copy {settings} in/network.raw - |'" if settings else "in/network.raw"
    model = model.replace("''", "'").replace(" '--", " --").replace("' in", " in")
    if "edits" in settings:
        model = f"<(nnet3-copy {settings} in/network.raw -)"
    return Case(
        f"nnet3-xvector-compute --use-gpu=no {sizes} {model} {table} ark:OUT/v.ark",
        {"v.ark": "vector"},
    )


def _random_network(draw):
    """Write in/network.raw with Kaldi's nnet3-init; names of nodes after the pooling."""
    lines, after = ["input-node name=input dim=7"], []
    source, dim, has_dropout = "input", 7, False

    def add(name, kind, node_input, settings):
        lines.append(f"component name={name} type={kind} {settings}")
        lines.append(f"component-node name={name} component={name} input={node_input}")

    def affine(name, node_input, num_inputs, num_outputs):
        kind = draw.one_of(
            "NaturalGradientAffineComponent", "AffineComponent", "NaturalGradientAffineComponent"
        )
        add(name, kind, node_input, f"input-dim={num_inputs} output-dim={num_outputs}")

    def activation(name, node_input, width):
        kind = draw.one_of(
            *("RectifiedLinearComponent",) * 4, "SigmoidComponent", "TanhComponent", "NoOpComponent"
        )
        add(f"{name}.act", kind, node_input, f"dim={width}")
        if draw.chance(0.6):
            rms = draw.one_of(1.0, 0.5)
            add(
                f"{name}.norm", "BatchNormComponent", f"{name}.act", f"dim={width} target-rms={rms}"
            )
            return f"{name}.norm"
        return f"{name}.act"

    for number in range(draw.integer(1, 3)):
        offsets = draw.one_of((0,), (-1, 0, 1), (-2, 0, 2), (-3, 1), (-2, -1, 0, 1, 2))
        parts = [f"Offset({source}, {o})" if o else source for o in offsets]
        joined = f"Append({', '.join(parts)})" if len(parts) > 1 else parts[0]
        width = draw.integer(2, 9)
        affine(f"affine{number}", joined, dim * len(offsets), width)
        source, dim = activation(f"affine{number}", f"affine{number}", width), width
    if draw.chance(0.15):
        add("drop", "DropoutComponent", source, f"dim={dim} dropout-proportion=0.1")
        source, has_dropout = "drop", True
    variance = draw.chance(0.8)
    period = draw.one_of(1, 1, 1, 2)
    counts = draw.one_of(0, 0, 1)
    stats_dim = 1 + dim * (1 + variance)
    stddevs = draw.one_of("true", "false") if variance else "false"
    context = draw.one_of((0, 10000), (10000, 10000), (10000, 0))
    flag = "true" if variance else "false"
    add(
        "stats",
        "StatisticsExtractionComponent",
        source,
        f"input-dim={dim} input-period=1 output-period={period} include-variance={flag}",
    )
    add(
        "pool",
        "StatisticsPoolingComponent",
        "stats",
        f"input-dim={stats_dim} input-period={period} left-context={context[0]}"
        f" right-context={context[1]} num-log-count-features={counts} output-stddevs={stddevs}",
    )
    affine("segment0", f"Round(pool, {period})", stats_dim - 1 + counts, 6)
    after.append("segment0")
    source = activation("segment0", "segment0", 6)
    affine("segment1", source, 6, 5)
    after.append("segment1")
    if draw.chance(0.5):
        add("softmax", draw.one_of("LogSoftmaxComponent", "SoftmaxComponent"), "segment1", "dim=5")
        after.append("softmax")
    lines.append(f"output-node name=output input={after[-1]}")
    draw.lines("network.config", lines)
    _initialise(draw)
    return after, has_dropout


def _initialise(draw):
    """network.config to network.raw with random weights and statistics, binary or text."""
    folder = Path(os.environ["KALDI_ROOT"], "src/nnet3bin")
    text = subprocess.run(
        f"{folder}/nnet3-init --srand={draw.integer(1, 10**6)} {draw.folder}/network.config - |"
        f" {folder}/nnet3-copy --binary=false - -",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    def with_statistics(match):
        dim = int(match["dim"])
        mean, variance = draw.rng.normal(0, 1, dim), draw.rng.uniform(0.2, 3, dim)
        mean, variance = (" ".join(f"{x:.5f}" for x in y) for y in (mean, variance))
        return f"{match['head']}<Count> 500 <StatsMean>  [ {mean} ]\n<StatsVar>  [ {variance} ]\n"

    text = re.sub(
        r"(?P<head><Dim> (?P<dim>\d+) <BlockDim>.*)<Count> 0 <StatsMean> .*\n<StatsVar> .*\n",
        with_statistics,
        text,
    )
    (draw.folder / "network.txt").write_text(text)
    copy = f"{folder}/nnet3-copy --binary={draw.one_of('true', 'false')}"
    subprocess.run(
        f"{copy} {draw.folder}/network.txt {draw.folder}/network.raw",
        shell=True,
        check=True,
        capture_output=True,
    )


def main(argv=None):
    from tests.kaldi.test_random import compare

    args = _parser().parse_args(argv)
    for name in args.only.split(","):
        found, refused = 0, 0
        for number in range(args.seed * 10**6, args.seed * 10**6 + args.draws):
            with tempfile.TemporaryDirectory() as folder:
                case, exit_code, what = compare(name, number, Path(folder))
            refused += exit_code != 0
            if what:
                found += 1
                print(f"{name} {number}: {what}\n    {case.command}", flush=True)
        print(f"{name}: {args.draws} cases, {refused} refused by Kaldi, {found} differ", flush=True)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.kaldi.random_cases")
    parser.add_argument("--draws", type=int, default=100, help="cases of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(FAMILIES), help="families, by commas")
    return parser


if __name__ == "__main__":
    sys.exit(main())
