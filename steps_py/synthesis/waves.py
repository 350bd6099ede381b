"""16 kHz mono PCM16 files from float samples in [-1, 1]."""

import wave
from pathlib import Path

from steps_py.synthesis import SAMPLE_RATE_HZ


def write_wav(path: str | Path, samples_N) -> None:
    """Write float samples (1.0 = full scale) as PCM16; values out of range are clipped."""
    import numpy as np  # start-up time

    pcm_N = np.clip(np.rint(np.asarray(samples_N) * 32767), -32768, 32767).astype("<i2")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(pcm_N.tobytes())


def set_level(samples_N, level_dbfs: float):
    """Scale to a root-mean-square level in dB below full scale, peaks kept below 0.99."""
    import numpy as np  # start-up time

    rms = np.sqrt(np.mean(np.square(samples_N))) + 1e-12
    gain = 10 ** (level_dbfs / 20) / rms
    peak = np.abs(samples_N).max(initial=0.0) * gain
    return samples_N * (gain * min(1.0, 0.99 / max(peak, 1e-12)))
