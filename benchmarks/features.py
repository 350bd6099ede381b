"""Start-up; MFCC and filter-bank features of half an hour of audio, without and with dither."""

from benchmarks import inputs
from benchmarks.harness import Case

NUM_UTTS, UTT_SEC = 164, 11.0  # 1,804 s


def make_inputs(folder, scale=1.0):
    inputs.write_lines(folder / "vector", ["[ 1 2 ]"])
    lines = []
    for number in range(max(int(NUM_UTTS * scale), 1)):
        name = f"utt{number:04d}"
        inputs.write_noise(folder / f"{name}.wav", UTT_SEC if scale == 1 else 0.5)
        lines.append(f"{name} {name}.wav")
    inputs.write_lines(folder / "wav.scp", lines)


def cases():
    made = [Case(name="start-up: copy-vector of 2 numbers", argv=("copy-vector", "vector", "copy"))]
    for kind, options in (("mfcc", ("--num-mel-bins=30", "--num-ceps=30")), ("fbank", _FBANK)):
        for dither, target in ((0, 1.0), (1, 0.5)):
            settings = (*options, f"--dither={dither}", "--snip-edges=false")
            made.append(
                Case(
                    name=f"{kind} of 1,804 s, dither {dither}",
                    argv=(f"compute-{kind}-feats", *settings, "scp:wav.scp", "ark:feats.ark"),
                    at_most_ratio=target,
                    rival=_native(kind, dither),
                    rival_name="kaldi-native-fbank",
                )
            )
    return made


_FBANK = ("--num-mel-bins=80",)


def _native(kind, dither):
    """The same by kaldi-native-fbank, where that is installed."""
    from importlib.util import find_spec

    if not find_spec("kaldi_native_fbank"):
        return None
    return ("python3", "-m", "benchmarks.native_features", kind, str(dither), "wav.scp")
