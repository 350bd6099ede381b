"""The command wav-reverberate, from the names of files to the resulting wave.

Used by the command itself and by pipes of a wav.scp, which differ in the source of the standard
input.

Shapes: C channels, N samples of each.
"""

import dataclasses
from collections.abc import Callable

from steps_py.audio.decode import caching_small_files
from steps_py.audio.errors import WaveError
from steps_py.audio.wave import Wave, quantise
from steps_py.errors import AudioError
from steps_py.formats.log import strict, warn
from steps_py.formats.options import option


@dataclasses.dataclass
class ReverberateOptions:
    multi_channel_output: bool = option(
        False, "Specifies if the output should be multi-channel or not"
    )
    shift_output: bool = option(
        True,
        "If true, the reverberated waveform is shifted by the peak position of the RIR, and is"
        " as long as the input.  Otherwise it is as long as input and RIR, less one sample",
    )
    input_wave_channel: int = option(0, "The channel of the input that is reverberated")
    rir_channel: int = option(0, "The channel of the RIR; not for multi-channel output")
    noise_channel: int = option(0, "The channel of the noises; not for multi-channel output")
    impulse_response: str = option(
        "", "File or pipe with the impulse response, e.g. 'rir.wav' or 'sox rir.wav - |'"
    )
    additive_signals: str = option(
        "", "Comma-separated files or pipes of signals to add; requires --snrs and --start-times"
    )
    snrs: str = option("", "Comma-separated SNRs (dB) to which additive signals are scaled")
    start_times: str = option(
        "", "Comma-separated times (seconds of the input) at which additive signals start"
    )
    normalize_output: bool = option(True, "If true, restore the energy of the input signal")
    duration: float = option(
        0.0, "If nonzero, the duration (seconds) of the output: the input is cut, or repeated"
    )
    volume: float = option(
        0.0, "If nonzero, a scaling factor on the output; it turns --normalize-output off"
    )


def corrupt(options: ReverberateOptions, wave_in: str, read: Callable) -> Wave:
    """The Wave that wav-reverberate computes from the recording `wave_in`.

    `read(rxfilename, max_sec)` reads a recording, or its first seconds.

    Raises
    ------
    WaveError
        If options and recordings are inconsistent.
    """
    if options.impulse_response or options.additive_signals or options.volume:
        wave = read(wave_in)
    else:  # only the length can change, so the start is enough
        wave = read(wave_in, options.duration if options.duration > 0 else None)
    try:
        return corrupt_wave(options, wave, read, wave_in)
    except WaveError:
        raise
    except AudioError as error:
        raise WaveError(f"{wave_in}: {error}") from None


def corrupt_wave(options: ReverberateOptions, wave: Wave, read: Callable, where: str) -> Wave:
    """As `corrupt`, for a wave in memory; `where` is its name in messages."""
    import numpy as np  # start-up time

    from steps_py.audio.reverberate import ReverbConfig, reverberate

    config = ReverbConfig(
        shift_output=options.shift_output,
        normalize_output=options.normalize_output,
        duration_sec=options.duration,
        volume=options.volume,
    )
    with caching_small_files():
        rir = read(options.impulse_response) if options.impulse_response else None
        _check_room(options, rir, wave, where)
        signals = _read_signals(options, wave, rir, read, where)
    x_N = _channel(wave, options.input_wave_channel, where, "input-wave-channel")
    outputs = []
    for room_channel, noise_channel in _channels(options, rir):
        rir_H = None
        if rir is not None:
            rir_H = _channel(rir, room_channel, options.impulse_response, "rir-channel")
        noises = [_noise(signal, noise_channel) for signal in signals]
        rir_rate_hz = rir.rate_hz if rir else None
        outputs.append(reverberate(x_N, wave.rate_hz, config, rir_H, noises, rir_rate_hz))
    return Wave(wave.rate_hz, quantise(np.stack(outputs)))


def _channels(options, rir):
    """The (room, noise) channels of each output channel."""
    if options.multi_channel_output:
        return [(channel, channel) for channel in range(len(rir.samples_CN))]
    return [(options.rir_channel, options.noise_channel)]


def _check_room(options, rir, wave, where):
    if options.multi_channel_output and rir is None:
        raise WaveError(f"{where}: --multi-channel-output needs --impulse-response.")
    if options.multi_channel_output and (options.rir_channel or options.noise_channel):
        warn("--rir-channel and --noise-channel are ignored: --multi-channel-output is true")
    if rir is not None and rir.rate_hz != wave.rate_hz:
        message = (
            f"{where} has {wave.rate_hz} Hz, its impulse response {options.impulse_response}"
            f" {rir.rate_hz} Hz. Give it as a pipe: sox FILE -r {wave.rate_hz} -t wav - |"
        )
        if strict():
            raise WaveError(message)
        warn(message)


def _read_signals(options, wave, rir, read, where):
    """(name, Wave, snr_db, start_sec) of each additive signal."""
    names = [name for name in options.additive_signals.split(",") if name]
    if not names:
        return []
    if not options.snrs or not options.start_times:
        raise WaveError(f"{where}: --additive-signals requires --snrs and --start-times.")
    snrs = _numbers(options.snrs, "snrs")
    starts = _numbers(options.start_times, "start-times")
    if not len(names) == len(snrs) == len(starts):
        raise WaveError(
            f"{where}: {len(names)} additive signals, {len(snrs)} SNRs and {len(starts)} start"
            " times. Give as many of each; names and pipes must not contain commas."
        )
    signals = [
        (name, read(name), snr, start) for name, snr, start in zip(names, snrs, starts, strict=True)
    ]
    for name, signal, _, _ in signals:
        if signal.rate_hz != wave.rate_hz:
            raise WaveError(
                f"{where} has {wave.rate_hz} Hz, additive signal {name} {signal.rate_hz} Hz."
                f" Convert it: sox FILE -r {wave.rate_hz} -t wav - |"
            )
        if options.multi_channel_output and len(signal.samples_CN) != len(rir.samples_CN):
            raise WaveError(
                f"{name}: has {len(signal.samples_CN)} channels, the impulse response"
                f" {len(rir.samples_CN)}. For multi-channel output both need as many."
            )
    return signals


def _numbers(text, name):
    try:
        return [float(number) for number in text.split(",") if number]
    except ValueError:
        raise WaveError(f"--{name}={text}: expected numbers with commas between them.") from None


def _noise(signal, channel):
    from steps_py.audio.reverberate import Noise  # start-up time

    name, wave, snr_db, start_sec = signal
    return Noise(_channel(wave, channel, name, "noise-channel"), snr_db, start_sec)


def _channel(wave, channel, where, name):
    if not 0 <= channel < len(wave.samples_CN):
        raise WaveError(
            f"{where}: has {len(wave.samples_CN)} channels; --{name}={channel} is none of them."
            " Channels count from 0."
        )
    return wave.samples_CN[channel]
