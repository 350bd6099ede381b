"""Enrolled people, and who of them speaks in a recording.

Shape suffixes (scope: this module):
    P = people   S = sample of them   E = embedding
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from steps_py.errors import StepsError
from steps_py.system.decisions import log_odds
from steps_py.system.gallery_file import GalleryFile, Person, Recording
from steps_py.system.live import live_voices
from steps_py.system.loaded_people import LoadedPeople
from steps_py.system.sound import Reading, is_batch
from steps_py.system.voice import Voice

_SAMPLE = 64  # scores for each of the highest, from which a lower bound of these is taken
_NEGLIGIBLE = 50.0  # exp(-50) of 100,000 people: below the last digit of the sum


@dataclass(frozen=True)
class Candidate:
    """A person and how a recording scores with them; see `Verdict` for the fields."""

    name: str
    score: float
    llr: float | None
    probability: float | None


@dataclass(frozen=True)
class Identification:
    """Who speaks in a recording.

    Attributes
    ----------
    name : str or None
        The person; None if nobody enrolled, or if nothing decides (`decision`).
    decision : str
        The name, ``unknown``, or ``uncalibrated``.
    candidates : tuple of Candidate
        The best people, the best first.
    probability_unknown : float or None
        That of a speaker who is not enrolled.
    prior : float
        The probability that the speaker is enrolled, before the recording is heard.
    num_people : int
    speech_sec : float
    warnings : tuple of str
    """

    name: str | None
    decision: str
    candidates: tuple[Candidate, ...]
    probability_unknown: float | None
    prior: float
    num_people: int
    speech_sec: float
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return asdict(self)

    def __str__(self):
        best = self.candidates[0]
        if best.llr is None:
            said = f"score {best.score:.4f}"
        else:
            said = f"probability {best.probability:.4f}, log-likelihood ratio {best.llr:.3f}"
        nearest = "" if self.name else f" nearest {best.name},"
        return f"{self.decision}:{nearest} {said} ({self.speech_sec:.1f} s of speech)"


class Gallery:
    """The people of a file and the system that compares them; `System.gallery` opens it.

    Examples
    --------
    >>> gallery = system.gallery("people.sqlite")                        # doctest: +SKIP
    >>> gallery.enrol("anna", ["a1.wav", "a2.wav"])                      # doctest: +SKIP
    >>> print(gallery.identify("who.wav", top_k=3))                      # doctest: +SKIP
    anna: probability 0.9876, log-likelihood ratio 7.112 (4.2 s of speech)
    """

    def __init__(self, system, path: str | os.PathLike, must_exist: bool = False):
        self._system, self._file = system, GalleryFile(path, must_exist)
        self._people = LoadedPeople(system, self._file)
        digest = self._file.digest()
        if digest is not None and digest != system.embedding_digest:
            self._file.close()
            raise StepsError(
                f"{os.fspath(path)}: its people were enrolled with another system than"
                f" {system.path} (x-vectors {digest[:12]}, here {system.embedding_digest[:12]})."
                " Use that system, or enrol them in a new file."
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        return len(self._file.people())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def people(self) -> list[Person]:
        """All people, by name, with the number and the speech of their recordings."""
        return self._file.people()

    def enrol(self, name: str, recordings: Any, rate_hz: int | None = None, **reading) -> Person:
        """Enrol a person by one recording or a list, or add these to a person who is enrolled.

        All recordings are embedded first; either all of them are kept or none.  `rate_hz`,
        ``resample`` and ``channel`` are as for `System.embed`.
        """
        sources = recordings if is_batch(recordings) else [recordings]
        if not sources:
            raise StepsError(f"{name}: no recordings are given to enrol. Give at least one.")
        voices = [self._system.voice(source, rate_hz, **reading) for source in sources]
        return self.enrol_voices(name, voices)

    def enrol_voices(self, name: str, voices: list[Voice]) -> Person:
        """`enrol` for recordings that are embedded already."""
        kept = [
            Recording(voice.name, voice.speech_sec, voice.xvector_E.astype("<f4").tobytes())
            for voice in voices
        ]
        system = self._system
        return self._file.add(name, kept, system.embedding_digest, system.embedding_dim)

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name."""
        self._file.rename(name, new_name)

    def remove(self, name: str) -> None:
        """Remove a person and all that is kept of them."""
        self._file.remove(name)

    def identify(
        self,
        source: Any,
        top_k: int = 5,
        prior: float = 0.5,
        threshold: float | None = None,
        rate_hz: int | None = None,
        **reading,
    ) -> Identification:
        """Who of the enrolled people speaks in a recording, or ``unknown``.

        Parameters
        ----------
        source : as for `System.embed`, or a `Voice`
        top_k : int
            How many of the best people to list.
        prior : float
            Probability that the speaker is enrolled, before the recording is heard; all people
            are equally likely.
        threshold : float, optional
            Score from which on the best person is accepted, in place of probabilities: for a
            system without calibration.
        rate_hz, resample, channel
            As for `System.embed`.
        """
        voice = self._system.voice(source, rate_hz, **reading)
        return self.identify_voice(voice, top_k, prior, threshold)

    def identify_live(
        self,
        blocks: Iterable,
        rate_hz: int,
        top_k: int = 5,
        prior: float = 0.5,
        threshold: float | None = None,
        **reading,
    ) -> Iterator[Identification]:
        """`identify` for a recording that still arrives in blocks of samples at `rate_hz`.

        Answers become more certain; the last is that of `identify` for the whole recording.
        """
        for voice in live_voices(self._system, blocks, Reading(rate_hz=rate_hz, **reading)):
            yield self.identify_voice(voice, top_k, prior, threshold)

    def identify_voice(
        self, voice: Voice, top_k: int = 5, prior: float = 0.5, threshold: float | None = None
    ) -> Identification:
        """`identify` for a recording that is embedded already."""
        if top_k < 1:
            raise StepsError(f"top_k: is {top_k}. Give 1 or more.")
        log_prior_odds = log_odds(prior)
        people = self._people
        people.refresh()
        score_P = people.score(voice.xvector_E)
        llr_P = self._system.llr(score_P)
        best = _highest(score_P, top_k)
        probability_P = probability_unknown = None
        if llr_P is not None:
            log_odds_P = llr_P[best] + log_prior_odds - np.log(len(score_P))
            total = np.logaddexp(0, _log_sum(llr_P) + log_prior_odds - np.log(len(score_P)))
            probability_P = np.exp(log_odds_P - total)
            probability_unknown = float(np.exp(-total))
        candidates = tuple(
            Candidate(
                people.names[row],
                float(score_P[row]),
                None if llr_P is None else float(llr_P[row]),
                None if probability_P is None else float(probability_P[place]),
            )
            for place, row in enumerate(best.tolist())
        )
        if threshold is not None:
            is_known = candidates[0].score >= threshold
        else:
            is_known = llr_P is not None and candidates[0].probability > probability_unknown
        unknown = "unknown" if threshold is not None or llr_P is not None else "uncalibrated"
        name = candidates[0].name if is_known else None
        return Identification(
            name=name,
            decision=name if is_known else unknown,
            candidates=candidates,
            probability_unknown=probability_unknown,
            prior=prior,
            num_people=len(people.names),
            speech_sec=voice.speech_sec,
            warnings=tuple(voice.warnings),
        )


def _highest(score_P, top_k):
    """The rows of the highest scores, the highest first.

    >>> _highest(np.array([0.5, 3.0, -1.0, 2.0]), 2)
    array([1, 3])
    """
    top_k = min(top_k, len(score_P))
    some_S = score_P[:: max(1, len(score_P) // (_SAMPLE * top_k))]
    least = np.partition(some_S, len(some_S) - top_k)[len(some_S) - top_k]
    rows = np.flatnonzero(score_P >= least)  # few, and all of the highest among them
    return rows[np.argsort(-score_P[rows], kind="stable")][:top_k]


def _log_sum(x_P):
    """log(sum(exp(x))) without overflow; what cannot change a sum in double precision is left out.

    >>> round(np.exp(_log_sum(np.log([1.0, 2.0, 4.0]))).item(), 6)
    7.0
    """
    highest = x_P.max()
    return float(highest + np.log(np.exp(x_P[x_P > highest - _NEGLIGIBLE] - highest).sum()))
