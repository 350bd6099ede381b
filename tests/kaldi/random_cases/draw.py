"""Random choices and random files, and the registry of families of commands."""

import collections
import wave

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
    """Random choices, and random files in a folder ``in`` of the commands."""

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
        """spk2utt and utt2spk of speakers with the given numbers of utterances."""
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

    def trials(self, first, second):
        lines = []
        for _ in range(self.integer(1, 40)):
            pair = [self.one_of(*first), self.one_of(*second)]
            if self.chance(0.03):
                pair[self.integer(0, 1)] = "nobody"
            lines.append(" ".join(pair))
        return self.lines("trials", lines)
