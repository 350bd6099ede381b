"""A system loaded from its file: x-vectors, verification, and galleries of people.

Shape suffixes (scope: this module):
    N = recordings   E = embedding
"""

import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from steps_py import own_parts
from steps_py.audio.wave import Wave
from steps_py.backend.kept_chain import KeptChain
from steps_py.embeddings.api import Embedder
from steps_py.embeddings.config import XvectorsConfig
from steps_py.errors import AudioError, StepsError, some
from steps_py.settings.build import build
from steps_py.system.decisions import Calibration
from steps_py.system.extractors import kind_of
from steps_py.system.gallery import Gallery
from steps_py.system.live import live_voices
from steps_py.system.sound import Reading, is_batch, wave_of
from steps_py.system.system_file import SystemFile, read_system_file
from steps_py.system.verdict import Verdict, verdict_of
from steps_py.system.voice import Voice, clipped_share_of
from steps_py.version import package_version

BATCH_RECORDINGS = 16  # in memory at once


def load_system(path: str | os.PathLike, recipe: str | os.PathLike | None = None) -> "System":
    """The system in a file results/system.swx.

    Parameters
    ----------
    path : path
    recipe : path, optional
        Folder of the recipe, for a system with classes of the recipe's own (``local/*.py``): the
        file holds no code.

    Raises
    ------
    StepsError
        In one line, if the file is missing, damaged, of another kind or newer, or needs classes
        that are not here.

    Examples
    --------
    >>> system = load_system("results/system.swx")                       # doctest: +SKIP
    >>> print(system.verify("anna.wav", "who.wav"))                      # doctest: +SKIP
    same speaker: probability 0.9987 at prior 0.5, log-likelihood ratio 6.640, ...
    """
    return System(path, read_system_file(path), recipe)


class System:
    """A trained network, a chain of scoring steps and a calibration; see `load_system`.

    Attributes
    ----------
    path : str
    digest : str
        SHA-256 of the file.
    info : dict
        What the file says of itself: options, thresholds, provenance, licences.
    """

    def __init__(self, path, file: SystemFile, recipe=None):
        self.path, self.digest, self.info = os.fspath(path), file.sha256, file.description
        _load_own_parts(self.path, self.info["own_files"], recipe)
        try:
            options = self.info["extractor"]
            kind, config = kind_of(options), _xvectors_config(self.info["xvectors"])
            embedder = kind.embedder(options, file.members[kind.member], config, self.path)
            self._calibration = Calibration.of(self.info["calibration"])
        except (KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
            raise StepsError(
                f"{path}: was written by another version than this, {package_version()}"
                f" ({type(error).__name__}: {str(error)[:200]}). Use that version."
            ) from None
        self._embedder = embedder
        self._files = {name: data for name, data in file.members.items() if name != kind.member}
        self._chains: dict[bool, KeptChain] = {}
        self.embedding_digest = _digest_of_embedding(self.info, kind.member)

    def __repr__(self):
        return f"<System {self.path}, {self.sample_rate_hz:g} Hz, scored by {self.scored_by}>"

    @property
    def sample_rate_hz(self) -> float:
        """Sample rate of recordings, in Hz."""
        return self._embedder.sample_rate_hz

    @property
    def embedding_dim(self) -> int:
        """Dimension of the x-vectors."""
        return self._embedder.embedding_dim

    @property
    def embedder(self) -> Embedder:
        """What computes its x-vectors; StepsError for a system of i-vectors."""
        if not isinstance(self._embedder, Embedder):
            raise StepsError(
                f"{self.path}: computes i-vectors, so there is no network to export, to explain or"
                " to diarize with. Give a system with one; this one embeds, verifies, identifies."
            )
        return self._embedder

    @property
    def scored_by(self) -> str | None:
        """The recipe's scoring system; None: the file embeds only."""
        return self.info["scored_by"]

    @property
    def is_calibrated(self) -> bool:
        """Whether scores become probabilities and decisions."""
        return self._calibration is not None

    @property
    def prior(self) -> float:
        """The prior of decisions where the caller gives none."""
        return self.info["prior"]

    def embed(
        self,
        source: Any,
        rate_hz: int | None = None,
        *,
        resample: bool = False,
        channel: int | str | None = None,
    ) -> np.ndarray:
        """The x-vector of a recording, float32 (E,); of a list of recordings, (N, E).

        Parameters
        ----------
        source : path, array, (array, rate_hz), iterator of arrays, or a list of these
            Samples are int16, or floating point from -1 to 1.
        rate_hz : int, optional
            Of arrays.
        resample : bool
            Convert recordings of another rate, which are refused otherwise.
        channel : int, "mix", optional
            Which channel of recordings with several, which are refused otherwise.

        Raises
        ------
        AudioError
            In one line, if a recording cannot be read, does not fit, or has too little speech.
        """
        options = {"resample": resample, "channel": channel}
        if is_batch(source):
            vectors = [voice.xvector_E for voice in self.voices(source, rate_hz, **options)]
            return np.stack(vectors) if vectors else np.zeros((0, self.embedding_dim), np.float32)
        return self.voice(source, rate_hz, **options).xvector_E

    def voice(
        self,
        source: Any,
        rate_hz: int | None = None,
        *,
        resample: bool = False,
        channel: int | str | None = None,
    ) -> Voice:
        """The x-vector of one recording with the seconds of speech and the clipping behind it."""
        if isinstance(source, Voice):
            return source
        reading = Reading(rate_hz=rate_hz, resample=resample, channel=channel)
        return self.voice_of_wave(*wave_of(source, reading, self.sample_rate_hz))

    def voice_of_wave(self, wave: Wave, name: str) -> Voice:
        """`voice` for one channel of samples at the rate of the system."""
        return self.voices_of_waves([(wave, name)])[0]

    def voices_of_waves(self, named: list[tuple[Wave, str]]) -> list[Voice]:
        """The voices of several recordings, ``(wave, name)``, computed in batches."""
        for wave, name in named:
            if not np.any(wave.samples_CN):
                raise _silent(name, wave.duration_sec)
        return [
            Voice(
                name=name,
                xvector_E=found.xvector_E,
                speech_sec=found.num_voiced_frames * self._embedder.frame_shift_sec,
                duration_sec=wave.duration_sec,
                clipped_share=clipped_share_of(wave.samples_CN),
            )
            for (wave, name), found in zip(named, self._embedder.embed_waves(named), strict=True)
        ]

    def voices(
        self,
        sources: Iterable,
        rate_hz: int | None = None,
        *,
        resample: bool = False,
        channel: int | str | None = None,
    ) -> Iterator[Voice]:
        """The voices of many recordings, in order, computed in batches of some."""
        reading = Reading(rate_hz=rate_hz, resample=resample, channel=channel)
        sources = iter(sources)
        while batch := list(itertools.islice(sources, BATCH_RECORDINGS)):
            yield from self.voices_of_waves(
                [wave_of(source, reading, self.sample_rate_hz) for source in batch]
            )

    def verify(
        self,
        first: Any,
        second: Any,
        prior: float | None = None,
        rate_hz: int | None = None,
        *,
        resample: bool = False,
        channel: int | str | None = None,
    ) -> Verdict:
        """Whether two recordings are of one speaker.

        `prior` is the probability of that before they are heard; without it that of the file,
        `System.prior`.  The other parameters are those of `embed`; a `Voice` may stand for a
        recording.
        """
        voices = tuple(
            self.voice(source, rate_hz, resample=resample, channel=channel)
            for source in (first, second)
        )
        return self.compare(*voices, prior)

    def verify_live(
        self,
        first: Any,
        blocks: Iterable,
        prior: float | None = None,
        rate_hz: int | None = None,
        *,
        resample: bool = False,
        channel: int | str | None = None,
    ) -> Iterator[Verdict]:
        """`verify` against a recording that still arrives: verdicts that become more certain.

        `blocks` gives arrays of samples at `rate_hz`.  The last verdict is that of `verify` for
        the whole recording.
        """
        enrolled = self.voice(first, rate_hz, resample=resample, channel=channel)
        reading = Reading(rate_hz=rate_hz, resample=resample, channel=channel)
        for voice in live_voices(self, blocks, reading):
            yield self.compare(enrolled, voice, prior)

    def gallery(self, path: str | os.PathLike, must_exist: bool = False) -> Gallery:
        """The people in a file, an SQLite database.

        It is created if it does not exist, unless it `must_exist`: StepsError then.
        """
        return Gallery(self, path, must_exist)

    def compare(self, first: Voice, second: Voice, prior: float | None = None) -> Verdict:
        """`verify` for recordings that are embedded already."""
        chain = self.chain()
        enrolled = chain.enroll(first.xvector_E[np.newaxis])
        score = float(chain.score(enrolled, second.xvector_E)[0])
        prior = self.prior if prior is None else prior
        return verdict_of(score, self._calibration, prior, (first, second), self.scored_by)

    def chain(self, several: bool = False) -> KeptChain:
        """The scoring steps; `several`: for enrolments of several recordings each."""
        if self.scored_by is None:
            raise StepsError(
                f"{self.path}: embeds only: no system of the recipe's scores.systems scores"
                " recordings without the recipe. Add one, such as cosine."
            )
        if several not in self._chains:
            self._chains[several] = self._load_chain(several)
        return self._chains[several]

    def _load_chain(self, several):
        """The steps read their files from a folder, which is removed again."""
        with tempfile.TemporaryDirectory(prefix="sidewinder") as folder:
            for name, data in self._files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            return KeptChain(_links_in(self.info["chain"], folder), several)

    def llr(self, score):
        """Log-likelihood ratios of scores; None where they are not calibrated."""
        return None if self._calibration is None else self._calibration.llr(score)


def _links_in(chain, folder):
    """The links with the paths of their files below a folder."""
    links = []
    for link in chain:
        link = {**link, "files": [f"{folder}/{name}" for name in link["files"]]}
        if "systems" in link:
            link["systems"] = [_links_in(other, folder) for other in link["systems"]]
        links.append(link)
    return links


def _digest_of_embedding(info, member):
    """A digest of what x-vectors depend on: two systems that share it have the same x-vectors."""
    options = {key: value for key, value in info["extractor"].items() if key != "version"}
    parts = [info["sha256"][member], options, info["xvectors"], info["own_files"]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _xvectors_config(section):
    """The section of the file; the device is that of the machine that runs now."""
    return build(XvectorsConfig, {**section, "device": "auto"}, "xvectors")


def _load_own_parts(path, own_files, recipe):
    """Load the recipe's own classes that a system needs, if their files are those of then."""
    if not own_files:
        return
    names = some(sorted(own_files))
    if recipe is None:
        raise StepsError(
            f"{path}: needs classes of its recipe's own ({names}), and a system file holds no code."
            " Load it with the recipe's folder: load_system(path, recipe=...), or --recipe."
        )
    for name, digest in own_files.items():
        file = Path(recipe, "local", name)
        if not file.is_file():
            raise StepsError(f"{path}: needs {file}, which is not there. Give its recipe's folder.")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise StepsError(
                f"{path}: {file} has changed since the system was made. Make the system again."
            )
    own_parts.load(Path(recipe))


def _silent(name, duration_sec):
    return AudioError(f"{name}: {duration_sec:.1f} s of silence: all samples are 0. Record again.")
