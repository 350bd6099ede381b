"""Features from a sound: mfcc, fbank, spectrogram; and commands on matrices of frames."""

from tests.kaldi.random_cases.draw import Case, family

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
