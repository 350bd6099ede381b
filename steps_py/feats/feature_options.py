"""Options of the compute-*-feats commands, and the configurations by them."""

import dataclasses
from typing import TYPE_CHECKING, Any

from steps_py.formats.options import option

if TYPE_CHECKING:
    from steps_py.feats.frames import FrameConfig
    from steps_py.feats.mel import MelConfig


@dataclasses.dataclass
class FrameOptions:
    sample_frequency: float = option(
        16000.0, "Waveform data sample frequency (must match the waveform file)"
    )
    frame_length: float = option(25.0, "Frame length in milliseconds")
    frame_shift: float = option(10.0, "Frame shift in milliseconds")
    preemphasis_coefficient: float = option(0.97, "Coefficient for use in signal preemphasis")
    remove_dc_offset: bool = option(True, "Subtract mean from waveform on each frame")
    dither: float = option(
        1.0,
        "Dithering constant (0.0 means no dither). If you turn this off, you should set the"
        " --energy-floor option, e.g. to 1.0 or 0.1",
    )
    window_type: str = option(
        "povey", 'Type of window ("hamming"|"hanning"|"povey"|"rectangular"|"sine"|"blackman")'
    )
    blackman_coeff: float = option(0.42, "Constant coefficient for generalized Blackman window.")
    round_to_power_of_two: bool = option(
        True, "If true, round window size to power of two by zero-padding input to FFT."
    )
    snip_edges: bool = option(
        True,
        "If true, only frames that completely fit in the file are output; if false, the number"
        " of frames depends only on the frame shift, and the data are reflected at the ends.",
    )
    allow_downsample: bool = option(
        False, "If true, downsample waveforms with a higher frequency than --sample-frequency."
    )
    allow_upsample: bool = option(
        False, "If true, upsample waveforms with a lower frequency than --sample-frequency."
    )
    max_feature_vectors: int = option(-1, "Memory optimization of online use; no effect here.")
    energy_floor: float = option(
        0.0, "Floor on energy (absolute, not relative). Suggested values: 0.1 or 1.0"
    )
    raw_energy: bool = option(True, "If true, compute energy before preemphasis and windowing")


@dataclasses.dataclass
class MelOptions:
    num_mel_bins: int = option(23, "Number of triangular mel-frequency bins")
    low_freq: float = option(20.0, "Low cutoff frequency for mel bins")
    high_freq: float = option(
        0.0, "High cutoff frequency for mel bins (if <= 0, offset from Nyquist)"
    )
    vtln_low: float = option(
        100.0, "Low inflection point in piecewise linear VTLN warping function"
    )
    vtln_high: float = option(
        -500.0,
        "High inflection point in piecewise linear VTLN warping function (if negative, offset"
        " from high-mel-freq",
    )
    debug_mel: bool = option(False, "Print out debugging information for mel bin computation")
    vtln_warp: float = option(1.0, "Vtln warp factor (only applicable if vtln-map not specified)")
    vtln_map: str = option("", "Map from utterance or speaker-id to vtln warp factor (rspecifier)")
    utt2spk: str = option(
        "", "Utterance to speaker-id map rspecifier (if doing VTLN and you have warps per speaker)"
    )
    htk_compat: bool = option(
        False, "If true, put energy or C0 last (not sufficient to get HTK compatible features)."
    )


@dataclasses.dataclass
class OutputOptions:
    output_format: str = option("kaldi", "Format of the output files [kaldi, htk]")
    subtract_mean: bool = option(False, "Subtract mean of each feature file [CMS]")
    channel: int = option(-1, "Channel to extract (-1 -> expect mono, 0 -> left, 1 -> right)")
    min_duration: float = option(0.0, "Minimum duration of segments to process (in seconds).")
    write_utt2dur: str = option(
        "", "Wspecifier to write duration of each utterance in seconds, e.g. 'ark,t:utt2dur'."
    )


@dataclasses.dataclass
class MfccOptions(FrameOptions, MelOptions, OutputOptions):
    num_ceps: int = option(13, "Number of cepstra in MFCC computation (including C0)")
    use_energy: bool = option(True, "Use energy (not C0) in MFCC computation")
    cepstral_lifter: float = option(22.0, "Constant that controls scaling of MFCCs")


@dataclasses.dataclass
class FbankOptions(FrameOptions, MelOptions, OutputOptions):
    use_energy: bool = option(False, "Add an extra dimension with energy to the FBANK output.")
    use_log_fbank: bool = option(True, "If true, produce log-filterbank, else produce linear.")
    use_power: bool = option(True, "If true, use power, else use magnitude.")


@dataclasses.dataclass
class PlpOptions(FrameOptions, MelOptions, OutputOptions):
    lpc_order: int = option(12, "Order of LPC analysis in PLP computation")
    num_ceps: int = option(13, "Number of cepstra in PLP computation (including C0)")
    use_energy: bool = option(True, "Use energy (not C0) for zeroth PLP feature")
    compress_factor: float = option(0.33333, "Compression factor in PLP computation")
    cepstral_lifter: int = option(22, "Constant that controls scaling of PLPs")
    cepstral_scale: float = option(1.0, "Scaling constant in PLP computation")


@dataclasses.dataclass
class SpectrogramOptions(FrameOptions, OutputOptions):
    return_raw_fft: bool = option(
        False, "If true, return raw FFT complex numbers instead of log magnitudes"
    )


@dataclasses.dataclass
class WaveformOptions(FrameOptions, OutputOptions):
    pass


def config_by_options(cls, options):
    """The Config `cls` of a feature type: each field is the option of its name.

    >>> from steps_py.feats.types.fbank import FbankConfig
    >>> config_by_options(FbankConfig, FbankOptions(num_mel_bins=40, use_power=False)).mel.num_bins
    40
    """
    sections = {"frames": frame_config, "mel": mel_config}
    names = [field.name for field in dataclasses.fields(cls)]
    return cls(
        **{
            name: sections[name](options) if name in sections else getattr(options, name)
            for name in names
        }
    )


def frame_config(options) -> "FrameConfig":
    """The FrameConfig of steps_py.feats.frames by the options."""
    from steps_py.feats.frames import FrameConfig  # start-up time

    return FrameConfig(
        sample_rate_hz=options.sample_frequency,
        frame_length_ms=options.frame_length,
        frame_shift_ms=options.frame_shift,
        dither=options.dither,
        preemphasis=options.preemphasis_coefficient,
        remove_dc_offset=options.remove_dc_offset,
        window=options.window_type,
        blackman_coeff=options.blackman_coeff,
        round_to_power_of_two=options.round_to_power_of_two,
        snip_edges=options.snip_edges,
    )


def mel_config(options: Any) -> "MelConfig":
    """The MelConfig of steps_py.feats.mel by the options."""
    from steps_py.feats.mel import MelConfig  # start-up time

    return MelConfig(
        num_bins=options.num_mel_bins,
        low_freq_hz=options.low_freq,
        high_freq_hz=options.high_freq,
        vtln_low_hz=options.vtln_low,
        vtln_high_hz=options.vtln_high,
    )
