"""compute-kaldi-pitch-feats, process-kaldi-pitch-feats and both in one.

Sources: src/featbin/{compute,process,compute-and-process}-kaldi-pitch-feats.cc; the mathematics is
in steps_py/feats/pitch.py and pitch_features.py.
"""

import dataclasses

from steps_py.audio.wave_holder import WAVE
from steps_py.errors import AudioError, KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import command

_ONLINE = "Emulation of online extraction: not built in, only the default is accepted"


@dataclasses.dataclass
class PitchOptions:
    sample_frequency: float = option(
        16000.0,
        "Waveform data sample frequency (must match the waveform file, if specified there)",
    )
    frame_length: float = option(25.0, "Frame length in milliseconds")
    frame_shift: float = option(10.0, "Frame shift in milliseconds")
    preemphasis_coefficient: float = option(
        0.0, "Coefficient for use in signal preemphasis (deprecated)"
    )
    min_f0: float = option(50.0, "min. F0 to search for (Hz)")
    max_f0: float = option(400.0, "max. F0 to search for (Hz)")
    soft_min_f0: float = option(10.0, "Minimum f0, applied in soft way, must not exceed min-f0")
    penalty_factor: float = option(0.1, "cost factor for FO change.")
    lowpass_cutoff: float = option(1000.0, "cutoff frequency for LowPass filter (Hz) ")
    resample_frequency: float = option(
        4000.0,
        "Frequency that we down-sample the signal to.  Must be more than twice lowpass-cutoff",
    )
    delta_pitch: float = option(
        0.005, "Smallest relative change in pitch that our algorithm measures"
    )
    nccf_ballast: float = option(7000.0, "Increasing this factor reduces NCCF for quiet frames")
    lowpass_filter_width: int = option(
        1, "Integer that determines filter width of lowpass filter, more gives sharper filter"
    )
    upsample_filter_width: int = option(
        5, "Integer that determines filter width when upsampling NCCF"
    )
    snip_edges: bool = option(
        True,
        "If this is set to false, the incomplete frames near the ending edge won't be snipped, so"
        " that the number of frames is the file size divided by the frame-shift. This makes"
        " different types of features give the same number of frames.",
    )
    nccf_ballast_online: bool = option(False, _ONLINE)
    frames_per_chunk: int = option(0, _ONLINE)
    simulate_first_pass_online: bool = option(False, _ONLINE)
    recompute_frame: int = option(500, "Only relevant for online pitch extraction; no effect here")
    max_frames_latency: int = option(0, "Only relevant for online pitch extraction; no effect here")


@dataclasses.dataclass
class ProcessOptions:
    pitch_scale: float = option(2.0, "Scaling factor for the final normalized log-pitch value")
    pov_scale: float = option(2.0, "Scaling factor for final POV (probability of voicing) feature")
    pov_offset: float = option(
        0.0,
        "This can be used to add an offset to the POV feature. Intended for use in online decoding"
        " as a substitute for  CMN.",
    )
    delta_pitch_scale: float = option(10.0, "Term to scale the final delta log-pitch feature")
    delta_pitch_noise_stddev: float = option(
        0.005,
        "Standard deviation for noise we add to the delta log-pitch (before scaling); should be"
        " about the same as delta-pitch option to pitch creation.  The purpose is to get rid of"
        " peaks in the delta-pitch caused by discretization of pitch values.",
    )
    normalization_left_context: int = option(
        75, "Left-context (in frames) for moving window normalization"
    )
    normalization_right_context: int = option(
        75, "Right-context (in frames) for moving window normalization"
    )
    delta_window: int = option(
        2, "Number of frames on each side of central frame, to use for delta window."
    )
    delay: int = option(0, "Number of frames by which the pitch information is delayed.")
    add_pov_feature: bool = option(True, "If true, the warped NCCF is added to output features")
    add_normalized_log_pitch: bool = option(
        True,
        "If true, the log-pitch with POV-weighted mean subtraction over 1.5 second window is added"
        " to output features",
    )
    add_delta_pitch: bool = option(
        True, "If true, time derivative of log-pitch is added to output features"
    )
    add_raw_log_pitch: bool = option(False, "If true, log(pitch) is added to output features")


@dataclasses.dataclass
class ProcessAloneOptions(ProcessOptions):
    srand: int = option(
        0, "Seed for random number generator, used to add noise to delta-log-pitch features"
    )


@dataclasses.dataclass
class BothOptions(PitchOptions, ProcessOptions):
    pass


@command(
    "compute-kaldi-pitch-feats",
    usage="""Apply Kaldi pitch extractor, starting from wav input.  Output is 2-dimensional
features consisting of (NCCF, pitch in Hz), where NCCF is between -1 and 1, and
higher for voiced frames.  You will typically pipe this into
process-kaldi-pitch-feats.
Usage: compute-kaldi-pitch-feats [options...] <wav-rspecifier> <feats-wspecifier>
e.g.
compute-kaldi-pitch-feats --sample-frequency=8000 scp:wav.scp ark:-

See also: process-kaldi-pitch-feats, compute-and-process-kaldi-pitch-feats""",
    options=PitchOptions,
    min_args=2,
    max_args=2,
)
def compute_kaldi_pitch_feats(options, wav_in: str, feats_out: str) -> int:
    return _track(options, wav_in, feats_out, lambda pitch_T2: pitch_T2)


@command(
    "compute-and-process-kaldi-pitch-feats",
    usage="""Apply Kaldi pitch extractor and pitch post-processor, starting from wav input.
Equivalent to compute-kaldi-pitch-feats | process-kaldi-pitch-feats.

Usage: compute-and-process-kaldi-pitch-feats [options...] <wav-rspecifier> <feats-wspecifier>
e.g.
compute-and-process-kaldi-pitch-feats --sample-frequency=8000 scp:wav.scp ark:-
See also: compute-kaldi-pitch-feats, process-kaldi-pitch-feats""",
    options=BothOptions,
    min_args=2,
    max_args=2,
)
def compute_and_process_kaldi_pitch_feats(options, wav_in: str, feats_out: str) -> int:
    return _track(options, wav_in, feats_out, _processor(options, seed=0))


@command(
    "process-kaldi-pitch-feats",
    usage="""Post-process Kaldi pitch features, consisting of pitch and NCCF, into
features suitable for input to ASR system.  Default setup produces
3-dimensional features consisting of (pov-feature, pitch-feature,
delta-pitch-feature), where pov-feature is warped NCCF, pitch-feature
is log-pitch with POV-weighted mean subtraction over 1.5 second window,
and delta-pitch-feature is delta feature computed on raw log pitch.
In general, you can select from four features: (pov-feature,
pitch-feature, delta-pitch-feature, raw-log-pitch), produced in that
order, by setting the boolean options (--add-pov-feature,
--add-normalized-log-pitch, --add-delta-pitch and --add-raw-log-pitch)

Usage: process-kaldi-pitch-feats [options...] <feat-rspecifier> <feats-wspecifier>

e.g.: compute-kaldi-pitch-feats [args] ark:- | process-kaldi-pitch-feats ark:- ark:feats.ark

See also: compute-kaldi-pitch-feats, compute-and-process-kaldi-pitch-feats""",
    options=ProcessAloneOptions,
    min_args=2,
    max_args=2,
)
def process_kaldi_pitch_feats(options, pitch_in: str, feats_out: str) -> int:
    process, tally = _processor(options, options.srand), Tally()
    with (
        SequentialReader(pitch_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, pitch_T2 in reader:
            writer.write(utt, process(pitch_T2))
            tally.done()
    log(f"Post-processed pitch for {tally.num_done} utterances.")
    return tally.exit_code()


def _processor(options, seed):
    """A function from (correlation, pitch) to features."""
    import numpy as np  # start-up time

    from steps_py.feats.pitch_features import PitchFeatureConfig, pitch_features

    names = [field.name for field in dataclasses.fields(PitchFeatureConfig)]
    config = PitchFeatureConfig(**{name: getattr(options, name) for name in names})
    draws = np.random.default_rng(seed % 2**32)
    return lambda pitch_T2: pitch_features(pitch_T2, config, draws)


def _track(options, wav_in, feats_out, finish):
    """Write what `finish` makes of the pitch of each recording; the exit code."""
    from steps_py.feats.pitch import PitchTracker  # start-up time

    tracker, tally = PitchTracker(_tracker_config(options)), Tally()
    with (
        SequentialReader(wav_in, WAVE) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, wave in reader:
            if wave.rate_hz != options.sample_frequency:
                raise AudioError(
                    f"{utt}: the recording has {wave.rate_hz} Hz, but --sample-frequency is"
                    f" {options.sample_frequency:g}. Set it to {wave.rate_hz}, or resample."
                )
            if len(wave.samples_CN) > 1:
                warn(f"{utt} has {len(wave.samples_CN)} channels; taking the first")
            pitch_T2 = tracker.compute(wave.samples_CN[0])
            if not len(pitch_T2):
                warn(f"{utt}: no frames: the recording is too short")
            writer.write(utt, finish(pitch_T2) if len(pitch_T2) else pitch_T2)
            tally.done()
    log(f"Done {tally.num_done} utterances, {tally.num_lost} with errors.")
    return tally.exit_code()


def _tracker_config(options):
    from steps_py.feats.pitch import PitchConfig  # start-up time

    if options.frames_per_chunk or options.nccf_ballast_online:
        raise KaldiError(
            "--frames-per-chunk and --nccf-ballast-online: not built in. Leave them out, or use"
            " the command of a Kaldi build (set KALDI_ROOT)."
        )
    if options.simulate_first_pass_online:
        raise KaldiError("--simulate-first-pass-online needs --frames-per-chunk, not built in.")
    return PitchConfig(
        sample_rate_hz=options.sample_frequency,
        frame_length_ms=options.frame_length,
        frame_shift_ms=options.frame_shift,
        preemphasis=options.preemphasis_coefficient,
        min_f0_hz=options.min_f0,
        max_f0_hz=options.max_f0,
        soft_min_f0_hz=options.soft_min_f0,
        penalty_factor=options.penalty_factor,
        lowpass_cutoff_hz=options.lowpass_cutoff,
        resample_rate_hz=options.resample_frequency,
        delta_pitch=options.delta_pitch,
        nccf_ballast=options.nccf_ballast,
        lowpass_filter_width=options.lowpass_filter_width,
        upsample_filter_width=options.upsample_filter_width,
        snip_edges=options.snip_edges,
    )
