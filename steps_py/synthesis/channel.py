"""A recording session: microphone, room and background, the same for all its utterances."""

import dataclasses

from steps_py.synthesis import SAMPLE_RATE_HZ
from steps_py.synthesis.sounds import coloured_noise
from steps_py.synthesis.waves import set_level


@dataclasses.dataclass(frozen=True, kw_only=True)
class Channel:
    """The channel of a session, applied in this order: filter, room, noise, level."""

    low_hz: float  # -3 dB points of the pass band
    high_hz: float
    tilt_db: float  # gain at 4 kHz relative to 250 Hz, linear in log frequency
    bump_hz: float  # one resonance of the microphone
    bump_db: float
    rt60_sec: float  # of a diffuse tail
    tail_db: float  # energy of the tail relative to the direct sound
    snr_db: float
    noise_slope_db: float  # per octave
    level_dbfs: float


def draw_channel(rng):
    """Draw the channel of a session; most are of good quality, some of poor."""

    def between(low, high):
        return float(rng.uniform(low, high))

    return Channel(
        low_hz=between(40, 250),
        high_hz=between(3600, 7600),
        tilt_db=between(-6, 6),
        bump_hz=between(300, 3500),
        bump_db=between(-6, 6),
        rt60_sec=between(0.1, 0.35),
        tail_db=between(-20, -6),
        snr_db=between(8, 30),
        noise_slope_db=between(-6, 0),
        level_dbfs=between(-30, -20),
    )


def apply_channel(speech_N, channel, tail_K, rng):
    """Apply channel, room and new noise to `speech_N`; the length does not change."""
    import numpy as np  # start-up time
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(speech_N.size + tail_K.size - 1, real=True)
    response_F = magnitude(np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), channel)
    received_N = irfft(rfft(speech_N, length) * rfft(tail_K, length) * response_F, length)
    received_N = received_N[: speech_N.size]
    noise_N = coloured_noise(rng, speech_N.size, channel.noise_slope_db)
    ratio = np.sqrt(np.mean(received_N**2) / np.mean(noise_N**2)) * 10 ** (-channel.snr_db / 20)
    return set_level(received_N + ratio * noise_N, channel.level_dbfs)


def magnitude(hz_F, channel):
    """The microphone's gain at each frequency; no phase, so speech is not delayed."""
    import numpy as np  # start-up time

    hz_F = np.maximum(hz_F, 1.0)
    high_pass_F = 1 / np.sqrt(1 + (channel.low_hz / hz_F) ** 4)
    low_pass_F = 1 / np.sqrt(1 + (hz_F / channel.high_hz) ** 12)
    octaves_F = np.clip(np.log2(hz_F / 1000), -3, 3)
    bump_F = np.exp(-0.5 * (np.log2(hz_F / channel.bump_hz) / 0.4) ** 2)
    gain_db_F = channel.tilt_db * octaves_F / 4 + channel.bump_db * bump_F
    return high_pass_F * low_pass_F * 10 ** (gain_db_F / 20)


def draw_tail(rng, channel):
    """An impulse response: the direct sound, then noise that decays by 60 dB in `rt60_sec`."""
    import numpy as np  # start-up time

    times_K = np.arange(round(channel.rt60_sec * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail_K = rng.normal(size=times_K.size) * 10 ** (-3 * times_K / channel.rt60_sec)
    tail_K[: round(0.002 * SAMPLE_RATE_HZ)] = 0
    tail_K *= np.sqrt(10 ** (channel.tail_db / 10) / np.sum(tail_K**2))
    tail_K[0] = 1
    return tail_K
