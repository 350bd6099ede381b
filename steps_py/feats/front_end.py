"""From a recording to features and voice decisions, as computed by a recipe's rules.

A FrontEnd has the content of the recipe's conf files, so that a trained network can be used
without the recipe's folder.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   C = channels   N = samples
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps_py.audio.resample import resample
from steps_py.audio.signal_chain import SignalChain
from steps_py.errors import AudioError, ConfigError, KaldiError, StepsError
from steps_py.feats.types.registry import FEATURES
from steps_py.feats.vad import compute_vad
from steps_py.feats.vad_options import VadOptions
from steps_py.formats.arrays import through_compression
from steps_py.formats.options import parse_config_text

if TYPE_CHECKING:
    import numpy as np

    from steps_py.audio.wave import Wave

COPY_FEATS_METHOD = 1  # of compression, the default of copy-feats


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """The sections ``feats`` and ``vad`` of a recipe.

    Attributes
    ----------
    type : str
        ``feats.type``: mfcc or fbank.
    conf, vad_conf : str
        The text of the conf files: lines ``--name=value``.
    compress : bool
        Features are rounded as by ``copy-feats --compress=true``, before voice decisions.
    signal_steps : sequence of str or dict
        ``feats.signal_steps``: what changes recordings before their features.

    Examples
    --------
    >>> from steps_py.audio.wave import Wave
    >>> front_end = FrontEnd(type="mfcc", conf="--num-ceps=20\\n--dither=0", vad_conf="")
    >>> import numpy as np
    >>> noise_CN = np.random.default_rng(0).normal(scale=100, size=(1, 16000)).astype(np.float32)
    >>> x_TD, is_voiced_T = front_end.compute(Wave(16000, noise_CN), "noise.wav")
    >>> x_TD.shape, is_voiced_T.shape
    ((98, 20), (98,))
    """

    type: str
    conf: str
    vad_conf: str
    compress: bool = False
    signal_steps: Sequence[str | dict] = ()

    @classmethod
    def of_recipe(cls, type, conf: str, vad_conf: str, compress, signal_steps=()):
        """The FrontEnd of a recipe whose conf files have the paths `conf` and `vad_conf`.

        Raises ConfigError if a file is missing or has an option that does not exist.
        """
        texts = []
        for path in (conf, vad_conf):
            try:
                texts.append(Path(path).read_text(encoding="utf-8", errors="surrogateescape"))
            except OSError as error:
                raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
        front_end = cls(
            type=type,
            conf=texts[0],
            vad_conf=texts[1],
            compress=compress,
            signal_steps=signal_steps,
        )
        front_end.options(conf)
        front_end.vad_options(vad_conf)
        return front_end

    def options(self, where: str = "conf") -> Any:
        """The options of compute-<type>-feats that `conf` sets."""
        options = FEATURES.find(self.type).Options
        return _parse(f"compute-{self.type}-feats", options, self.conf, where)

    def vad_options(self, where: str = "vad_conf") -> VadOptions:
        """The options of compute-vad that `vad_conf` sets."""
        return _parse("compute-vad", VadOptions, self.vad_conf, where)

    @property
    def sample_rate_hz(self):
        """Sample rate of the recordings that features can be computed of."""
        return self.options().sample_frequency

    def frequencies_hz(self):
        """The frequency of each dimension, float (D,) with nan for those without; None: none."""
        cls = FEATURES.find(self.type)
        return getattr(cls(cls.config_of(self.options())), "frequencies_hz", None)

    def bands(self):
        """The matrix (B, D) from bands to features, and the bands' frequencies; None: no bands."""
        cls = FEATURES.find(self.type)
        return getattr(cls(cls.config_of(self.options())), "bands", None)

    def compute(self, wave: "Wave", name: str) -> "tuple[np.ndarray, np.ndarray]":
        """Features float32 (T, D) of a `Wave`, and whether frames are voiced, bool (T,).

        `name` is for messages. Raises AudioError for a recording of another rate, of several
        channels if `conf` selects none, or shorter than a frame; StepsError for options that need
        tables of utterances.
        """
        options = self.options()
        tables = [key for key in ("vtln_map", "utt2spk") if getattr(options, key, "")]
        if tables:
            raise StepsError(
                f"{name}: --{tables[0].replace('_', '-')} needs a table of utterances."
            )
        samples_CN = SignalChain(self.signal_steps)(wave.samples_CN, wave.rate_hz, name)
        samples_N = _channel(samples_CN, options.channel, name)
        samples_N, changed = _at_rate(samples_N, wave.rate_hz, options, name)
        cls, keywords = FEATURES.find(self.type), {}
        if hasattr(options, "vtln_warp"):  # features of mel filters
            keywords = {"vtln_warp": options.vtln_warp, "exact": changed}
        x_TD = cls(cls.config_of(options)).compute(samples_N, **keywords)
        if not len(x_TD) or wave.duration_sec < options.min_duration:
            raise AudioError(f"{name}: {wave.duration_sec:g} s are too short for features.")
        if options.subtract_mean:
            x_TD = x_TD - x_TD.mean(axis=0, keepdims=True)
        if self.compress:
            x_TD = through_compression(x_TD, COPY_FEATS_METHOD)
        return x_TD, compute_vad(x_TD, self.vad_options().config()) > 0.5


def _parse(command, options_class, text, where):
    try:
        return parse_config_text(command, options_class, text, where)
    except KaldiError as error:
        raise ConfigError(str(error)) from None


def _channel(samples_CN, channel, name):
    num_channels = len(samples_CN)
    if channel == -1 and num_channels > 1:
        raise AudioError(
            f"{name}: has {num_channels} channels, but the model was trained on recordings of one."
            f" Extract one of them: sox {name} -t wav OUT remix 1"
        )
    if channel >= num_channels:
        raise AudioError(f"{name}: has {num_channels} channels, but --channel={channel} is set.")
    return samples_CN[max(channel, 0)]


def _at_rate(samples_N, rate_hz, options, name):
    """(samples at the rate of the options, whether they were resampled), if these allow it."""
    wanted_hz = options.sample_frequency
    if rate_hz == wanted_hz:
        return samples_N, False
    allowed = options.allow_downsample if rate_hz > wanted_hz else options.allow_upsample
    if not allowed:
        raise AudioError(
            f"{name}: has {rate_hz} Hz, but the model was trained at {wanted_hz:g} Hz. Convert it:"
            f" sox {name} -r {wanted_hz:g} -t wav OUT"
        )
    return resample(samples_N, rate_hz, int(wanted_hz)), True
