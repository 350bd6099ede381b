"""Sounds that are copied, cut, mixed and reverberated."""

import numpy as np

from tests.kaldi.random_cases.draw import Case, family


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
