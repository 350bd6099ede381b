"""Noises and music as floating-point samples of arbitrary level."""

from steps_py.synthesis import SAMPLE_RATE_HZ


def coloured_noise(rng, num_samples: int, slope_db: float):
    """Noise whose spectrum falls by `slope_db` per octave (0 white, -3 pink, -6 brown)."""
    import numpy as np  # start-up time
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(num_samples, real=True)
    spectrum_F = rfft(rng.normal(size=length))
    hz_F = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), 50.0)
    spectrum_F *= (hz_F / 1000) ** (slope_db / 6.0206)
    return irfft(spectrum_F, length)[:num_samples]


def gusts(rng, num_samples: int):
    """Noise that swells and fades: wind, passing cars."""
    import numpy as np  # start-up time

    times_N = np.arange(num_samples) / SAMPLE_RATE_HZ
    swell_N = 1 + np.sin(2 * np.pi * (rng.uniform(0.1, 0.7) * times_N + rng.random()))
    return (0.05 + swell_N**2) * coloured_noise(rng, num_samples, rng.uniform(-6, -2))


def clicks(rng, num_samples: int):
    """Short rung impulses: steps, a typewriter, dishes."""
    import numpy as np  # start-up time

    out_N = 0.01 * coloured_noise(rng, num_samples, -3)
    ring = np.arange(round(0.08 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    for start in rng.integers(0, num_samples, max(4, num_samples * 3 // SAMPLE_RATE_HZ)):
        wave = np.sin(2 * np.pi * rng.uniform(300, 5000) * ring) * np.exp(
            -ring * rng.uniform(40, 200)
        )
        part = out_N[start : start + ring.size]
        part += rng.uniform(0.3, 1) * wave[: part.size]
    return out_N


def hum(rng, num_samples: int):
    """Mains or a motor: harmonics of a low tone, and a little hiss."""
    import numpy as np  # start-up time

    times_N = np.arange(num_samples) / SAMPLE_RATE_HZ
    base_hz = rng.uniform(45, 160)
    out_N = 0.05 * coloured_noise(rng, num_samples, -1)
    for harmonic in range(1, 16):
        phase = 2 * np.pi * (harmonic * base_hz * times_N + rng.random())
        out_N += rng.random() / harmonic * np.sin(phase)
    return out_N


def beeps(rng, num_samples: int):
    """A telephone, an alarm: two tones in turn, with pauses."""
    import numpy as np  # start-up time

    times_N = np.arange(num_samples) / SAMPLE_RATE_HZ
    period_sec = rng.uniform(0.2, 0.9)
    low_hz, high_hz = sorted(rng.uniform(400, 3000, 2))
    first_N = times_N % (2 * period_sec) < period_sec
    on_N = times_N % period_sec < 0.7 * period_sec
    tone_N = np.sin(2 * np.pi * np.where(first_N, low_hz, high_hz) * times_N)
    return on_N * tone_N + 0.02 * coloured_noise(rng, num_samples, -3)


NOISES = (gusts, clicks, hum, beeps)
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, minor; semitones


def music(rng, num_samples: int):
    """Broken chords over a bass, on an instrument of random overtones, in a random key."""
    import numpy as np  # start-up time

    scale = SCALES[int(rng.integers(2))]
    key_hz = 110 * 2 ** (rng.integers(12) / 12)
    beat = round(SAMPLE_RATE_HZ * rng.uniform(0.18, 0.45))
    overtones = rng.random(6) / np.arange(1, 7)
    out_N = np.zeros(num_samples)
    for number, start in enumerate(range(0, num_samples, beat)):
        if number % 8 == 0:
            root = int(rng.integers(7))
            _add_note(out_N, start, _degree_hz(key_hz / 2, scale, root), 8 * beat, overtones)
        degree = root + 2 * int(rng.integers(4)) + 7 * int(rng.integers(2))
        _add_note(out_N, start, _degree_hz(key_hz, scale, degree), 2 * beat, overtones)
    return out_N


def _degree_hz(key_hz, scale, degree):
    octave, step = divmod(degree, 7)
    return key_hz * 2 ** (octave + scale[step] / 12)


def _add_note(out_N, start, hz, length, overtones):
    import numpy as np  # start-up time

    part = out_N[start : start + length]
    times = np.arange(part.size) / SAMPLE_RATE_HZ
    attack = np.minimum(1.0, times / 0.01)
    envelope = attack * np.exp(-4 * times * SAMPLE_RATE_HZ / length)
    for number, strength in enumerate(overtones, 1):
        if number * hz < SAMPLE_RATE_HZ / 2:
            part += strength * envelope * np.sin(2 * np.pi * number * hz * times)
