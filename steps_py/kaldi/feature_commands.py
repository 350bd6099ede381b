"""compute-{mfcc,fbank,plp,spectrogram}-feats, and the commands of other types.

Sources: src/featbin/compute-{mfcc,fbank,plp,spectrogram}-feats.cc; the mathematics is in
steps_py/feats, the options are in feature_options.py.

Shapes: N samples, T frames, D features.
"""

from steps_py.audio.wave_holder import WAVE
from steps_py.errors import AudioError, KaldiError
from steps_py.feats.feature_options import (
    FbankOptions,
    MfccOptions,
    PlpOptions,
    SpectrogramOptions,
)
from steps_py.formats.holders import FLOAT, FLOAT_MATRIX, TOKEN
from steps_py.formats.log import Tally, log, strict, warn
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.specifiers import parse_rspecifier
from steps_py.formats.streams import classify_rxfilename
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter
from steps_py.kaldi.commands import Command, command

LOG_EVERY = 1000  # utterances
_HTK_USER = 9
_HTK_KINDS = {  # class -> HTK's number, and whether its first value may be the energy
    "Mfcc": (6, True),
    "Fbank": (7, True),
    "Spectrogram": (7, False),
    "Plp": (11, False),
}


@command(
    "compute-mfcc-feats",
    usage="""Create MFCC feature files.
Usage:  compute-mfcc-feats [options...] <wav-rspecifier> <feats-wspecifier>""",
    options=MfccOptions,
    min_args=2,
    max_args=2,
)
def compute_mfcc_feats(options, wav_in: str, feats_out: str):
    from steps_py.feats.types.mfcc import Mfcc  # start-up time

    return _compute(options, Mfcc(Mfcc.config_of(options)), wav_in, feats_out)


@command(
    "compute-fbank-feats",
    usage="""Create Mel-filter bank (FBANK) feature files.
Usage:  compute-fbank-feats [options...] <wav-rspecifier> <feats-wspecifier>""",
    options=FbankOptions,
    min_args=2,
    max_args=2,
)
def compute_fbank_feats(options, wav_in: str, feats_out: str):
    from steps_py.feats.types.fbank import Fbank  # start-up time

    return _compute(options, Fbank(Fbank.config_of(options)), wav_in, feats_out)


@command(
    "compute-plp-feats",
    usage="""Create PLP feature files.
Usage:  compute-plp-feats [options...] <wav-rspecifier> <feats-wspecifier>""",
    options=PlpOptions,
    min_args=2,
    max_args=2,
)
def compute_plp_feats(options, wav_in: str, feats_out: str):
    from steps_py.feats.types.plp import Plp  # start-up time

    return _compute(options, Plp(Plp.config_of(options)), wav_in, feats_out)


@command(
    "compute-spectrogram-feats",
    usage="""Create spectrogram feature files.
Usage:  compute-spectrogram-feats [options...] <wav-rspecifier> <feats-wspecifier>""",
    options=SpectrogramOptions,
    min_args=2,
    max_args=2,
)
def compute_spectrogram_feats(options, wav_in: str, feats_out: str):
    from steps_py.feats.types.spectrogram import Spectrogram  # start-up time

    return _compute(options, Spectrogram(Spectrogram.config_of(options)), wav_in, feats_out)


def command_of_type(kind: str):
    """The Command ``compute-<kind>-feats`` of a registered type; None if there is none."""
    from steps_py import own_parts  # start-up time
    from steps_py.feats.types.registry import FEATURES  # start-up time

    own_parts.load(own_parts.recipe_folder())
    if kind not in FEATURES.names():
        return None
    cls, name = FEATURES.find(kind), f"compute-{kind}-feats"

    def run(options, wav_in, feats_out):
        return _compute(options, cls(cls.config_of(options)), wav_in, feats_out)

    usage = f"""Create {kind} feature files.
Usage:  {name} [options...] <wav-rspecifier> <feats-wspecifier>"""
    return Command(name, run, usage, cls.Options, min_args=2, max_args=2)


def _compute(options, extractor, wav_in, feats_out):
    """The loop that the commands share; the exit code."""
    keep_freed_memory()
    tally = Tally()
    with (
        Job(options, extractor, wav_in) as job,
        SequentialReader(wav_in, WAVE) as reader,
        TableWriter(feats_out, _output_holder(options, extractor)) as writer,
        TableWriter(options.write_utt2dur, FLOAT, optional=True) as durations,
    ):
        for utt, wave in reader:
            if wave.duration_sec < options.min_duration:
                warn(f"{utt}: too short ({wave.duration_sec:g} sec): producing no output.")
                tally.dropped(utt, f"shorter than {options.min_duration:g} s")
                continue
            try:
                feats_TD = job.features(utt, wave)
            except AudioError as error:
                tally.lost(utt, str(error).removeprefix(f"{utt}: "))
                continue
            writer.write(utt, feats_TD)
            durations.write(utt, wave.duration_sec)
            tally.done()
            if tally.num_seen % LOG_EVERY == 0:
                log(f"Processed {tally.num_seen} utterances")
    log(f" Done {tally.num_done} out of {tally.num_seen} utterances.")
    return tally.exit_code()


def _output_holder(options, extractor):
    """The holder of --output-format."""
    if options.output_format == "kaldi":
        return FLOAT_MATRIX
    if options.output_format != "htk":
        raise KaldiError(f"--output-format={options.output_format}: expected kaldi or htk.")
    from steps_py.formats.htk import HtkHolder  # start-up time

    kind, with_energy = _HTK_KINDS.get(type(extractor).__name__, (_HTK_USER, False))
    if kind != _HTK_USER:
        kind |= 0o100 if with_energy and options.use_energy else 0o20000  # energy, or C0
    return HtkHolder(kind)


class Job:
    """Computes features of utterances by the options of a command."""

    def __init__(self, options, extractor, wav_in: str):
        self.options = options
        self.extractor = extractor
        self.wav_in = wav_in
        self.rate_hz = options.sample_frequency
        self.warps = Warps(options) if hasattr(options, "vtln_warp") else None
        self._entries = None
        if getattr(options, "debug_mel", False):
            _log_filters(extractor)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self.warps:
            self.warps.close(failed=kind is not None)

    def features(self, utt: str, wave):
        """Features (T, D) of an utterance; AudioError if there are none."""
        import numpy as np  # start-up time

        samples_N = wave.samples_CN[self._channel(utt, wave)]
        keywords = {"vtln_warp": self.warps.of(utt)} if self.warps else {}
        if wave.rate_hz != self.rate_hz:
            samples_N = self._resampled(utt, samples_N, wave.rate_hz)
            if self.warps:
                keywords["exact"] = True  # a changed rate leaves a band almost empty
        feats_TD = self.extractor.compute(samples_N, **keywords)
        if len(feats_TD) == 0:
            message = f"{utt}: no frames; {wave.duration_sec:g} s are shorter than one."
            if strict():
                raise AudioError(f"{message} Leave it out with --min-duration.")
            warn(message)
            return np.zeros((0, 0), np.float32)
        if self.options.subtract_mean:
            feats_TD = feats_TD - feats_TD.mean(axis=0, keepdims=True)
        return feats_TD

    def _channel(self, utt, wave):
        num_channels = len(wave.samples_CN)
        channel = self.options.channel
        if channel == -1:
            if num_channels > 1:
                warn(
                    f"{self._name(utt)} has {num_channels} channels, no --channel is given; taking"
                    f" channel 0. Pick one in wav.scp: {self._pipe(utt, '', ' remix 1')}"
                )
            return 0
        if not 0 <= channel < num_channels:
            raise AudioError(
                f"{self._name(utt)} has {num_channels} channels, --channel={channel} is none of"
                " them, counting from 0."
            )
        return channel

    def _resampled(self, utt, samples_N, rate_hz):
        """Samples at the rate of the options, where these allow to change it."""
        from steps_py.audio.resample import resample  # start-up time

        down = rate_hz > self.rate_hz
        if not (self.options.allow_downsample if down else self.options.allow_upsample):
            flag = "--allow-downsample" if down else "--allow-upsample"
            resample_in_sox = self._pipe(utt, f" -r {self.rate_hz:g}", "")
            raise AudioError(
                f"{self._name(utt)} has {rate_hz} Hz, but --sample-frequency is {self.rate_hz:g}."
                f" Resample in wav.scp: {resample_in_sox} or set {flag}=true."
            )
        return resample(samples_N, rate_hz, int(self.rate_hz))

    def _entry(self, utt):
        """The entry of an utterance in the script file, '' if there is none."""
        from steps_py.formats.entries import read_script  # start-up time

        if self._entries is None:
            spec = parse_rspecifier(self.wav_in)
            readable = spec.kind == "scp" and classify_rxfilename(spec.rxfilename) == "file"
            self._entries = read_script(spec.rxfilename) if readable else {}
        return self._entries.get(utt, "")

    def _name(self, utt):
        entry = self._entry(utt)
        return f"{utt}: {entry}" if entry and not entry.endswith("|") else f"{utt}: the recording"

    def _pipe(self, utt, settings, effects):
        """A wav.scp entry that changes the present one by sox."""
        entry = self._entry(utt)
        source = f"{entry} sox -t wav -" if entry.endswith("|") else f"sox {entry or 'FILE'}"
        return f"{source}{settings} -t wav -{effects} |"


def _log_filters(extractor):
    """--debug-mel: where each filter begins and its weights."""
    from steps_py.feats.mel import mel_filters  # start-up time

    weights_FM = mel_filters(extractor.config.mel, extractor.config.frames)
    for number, weights_F in enumerate(weights_FM.T):
        used = weights_F.nonzero()[0]
        weights = " ".join(f"{weight:g}" for weight in weights_F[used])
        log(f"bin {number}, offset = {used[0]}, vec = [ {weights} ]")


class Warps:
    """The vocal tract length warp factor of each utterance."""

    def __init__(self, options):
        if options.utt2spk and not options.vtln_map:
            raise KaldiError("--utt2spk is only needed with --vtln-map. Leave it out.")
        self.default = options.vtln_warp
        self.map = RandomReader(options.vtln_map, FLOAT) if options.vtln_map else None
        self.utt2spk = RandomReader(options.utt2spk, TOKEN) if options.utt2spk else None

    def of(self, utt: str):
        if self.map is None:
            return self.default
        spk = utt
        if self.utt2spk is not None:
            if utt not in self.utt2spk:
                raise AudioError(f"{utt}: no speaker in --utt2spk.")
            spk = self.utt2spk[utt]
        if spk not in self.map:
            raise AudioError(f"{utt}: no warp factor for {spk} in --vtln-map.")
        return self.map[spk]

    def close(self, failed: bool) -> None:
        for table in (self.map, self.utt2spk):
            if table is not None:
                table.close(failed)
