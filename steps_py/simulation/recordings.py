"""The sounds of conversations: a FLAC file for each plan.

A recording is in memory as a whole.  The draws of rooms and noise depend on the seed and on the
recording's name: a part of a set gives the same files as the set.

Shape suffixes (scope: this module):
    N = samples of a recording   H = samples of a room's impulse response
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from steps_py.audio.random_access import RandomAccessAudio, with_recording_name
from steps_py.audio.reverberate import Noise, ReverbConfig, reverberate
from steps_py.augment.config import AugmentConfig
from steps_py.augment.copies import build_kinds
from steps_py.augment.kinds import Kind
from steps_py.augment.online import read_sound
from steps_py.data.data_dir import read_table, write_table
from steps_py.diarization.simulate import LOUDEST, Piece, mix
from steps_py.draws import Draws
from steps_py.errors import AudioError, DataDirError, StepsError, some
from steps_py.simulation.config import SimulatedSetConfig
from steps_py.simulation.lay_out import end_of


def write_recordings(
    plans: Mapping[str, Sequence[Piece]],
    wav_scp: str | Path,
    config: SimulatedSetConfig,
    parts: Mapping[str, str | Path],
    out: str | Path,
) -> None:
    """Write ``<out>/<recording>.flac`` of 16 bits for each plan, and ``<out>/wav.scp``.

    Parameters
    ----------
    plans : {recording: plan}
    wav_scp : path
        Of the speech.
    config : SimulatedSetConfig
    parts : {part: data directory}
        Of the sounds that `config` draws.
    out : path

    Raises
    ------
    AudioError, DataDirError, ConfigError
        If an utterance or a sound is missing or damaged, or its rate is another one.
    """
    import soundfile  # start-up time

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    wavs = read_table(wav_scp)
    missing = sorted({p.recording for plan in plans.values() for p in plan} - wavs.keys())
    if missing:
        raise DataDirError(
            f"{wav_scp}: {len(missing)} utterances of the plans are not there ({some(missing)})."
            " Delete the plans."
        )
    maker = Maker(wavs, config, parts)
    for name, plan in plans.items():
        rate_hz, sound_N = maker.sound_of(name, plan)
        samples_N = np.rint(sound_N).astype(np.int16)
        soundfile.write(out / f"{name}.flac", samples_N, rate_hz, "PCM_16")
    write_table(out / "wav.scp", ((name, str(out / f"{name}.flac")) for name in plans))


class Maker:
    """Makes the sounds of plans.

    Parameters
    ----------
    wavs : {utterance: entry of wav.scp}
    config : SimulatedSetConfig
    parts : {part: data directory}
    """

    def __init__(
        self, wavs: Mapping[str, str], config: SimulatedSetConfig, parts: Mapping[str, str | Path]
    ):
        self._wavs, self._seed = wavs, config.seed
        sounds = config.sounds()
        self._kinds: dict[str, Kind] = {}
        if sounds:
            self._kinds = build_kinds(AugmentConfig(copies=sounds), parts)
        self._recordings = RandomAccessAudio()

    def sound_of(self, name: str, plan: Sequence[Piece]) -> tuple[int, np.ndarray]:
        """(rate in Hz, float32 samples (N,)) of a plan, in the range of 16-bit audio."""
        rate_hz, speech = self._speech(name, plan)
        sound_N = mix(plan, speech, rate_hz, rooms=self._rooms(name, plan, rate_hz))
        if noises := self._noises(name, end_of(plan), rate_hz):
            keep = ReverbConfig(normalize_output=False)
            sound_N = reverberate(sound_N, rate_hz, keep, noises=noises)
        loudest = np.abs(sound_N).max(initial=0)
        return rate_hz, sound_N * np.float32(min(1, LOUDEST / max(loudest, 1)))

    def _speech(self, name, plan):
        """(rate in Hz, {utterance: samples}) of a plan."""
        rates_hz, speech = {}, {}
        for utt in sorted({piece.recording for piece in plan}):
            try:
                rates_hz[utt], samples_N = self._recordings.read(self._wavs[utt])
            except (StepsError, OSError) as error:
                raise with_recording_name(utt, error) from None
            speech[utt] = samples_N.astype(np.float32)
        found = sorted(set(rates_hz.values()))
        if len(found) > 1:
            raise AudioError(
                f"conversation {name}: utterances have {found[0]} and {found[1]} Hz"
                f" ({some(sorted(rates_hz))}). Convert them to one rate."
            )
        return found[0], speech

    def _rooms(self, name, plan, rate_hz):
        """{speaker: impulse response (H,)}; none without the kind."""
        kind = self._kinds.get("rooms")
        rooms = {}
        for speaker in sorted({piece.speaker for piece in plan}) if kind else []:
            draws = Draws(self._seed, "rooms", f"{name} {speaker}")
            room = kind.draw(draws, end_of(plan)).room
            if room is not None:
                rooms[speaker] = read_sound(self._recordings, room.wav, rate_hz)
        return rooms

    def _noises(self, name, duration_sec, rate_hz):
        kind = self._kinds.get("noise")
        if kind is None:
            return []
        drawn = kind.draw(Draws(self._seed, "noise", name), duration_sec)
        noises = []
        for added in drawn.added:
            sound_N = read_sound(self._recordings, added.sound.wav, rate_hz)
            if added.fills:
                sound_N = np.resize(sound_N, round(rate_hz * duration_sec))
            noises.append(Noise(sound_N, added.snr_db, added.start_sec))
        return noises
