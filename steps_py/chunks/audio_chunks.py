"""Training from audio: features of chunks are computed from augmented audio on the fly.

For the rows of features that a chunk and its normalisation windows need, the audio of these rows
is read, resampled to its speed, augmented with noise or reverberation, and turned into features.
The frames that are voiced in the clean recording are selected and their windows' means
subtracted.  Random numbers depend on (seed, step, number in the batch) only, so any process makes
the same batch.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk (maximum)   N = samples
    D = feature dimension   U = utterances
"""

import dataclasses

import numpy as np
import torch

from steps_py.audio.random_access import RandomAccessAudio, with_recording_name
from steps_py.augment.online import OnlineAugmenter
from steps_py.augment.speed import read_at_speed
from steps_py.chunks.allocation import Chunks
from steps_py.chunks.config import WaveformConfig
from steps_py.chunks.device_features import (
    frames_around,
    normalise,
    rows_around,
    voiced_positions,
    zero_padding,
)
from steps_py.chunks.sampler import Batch
from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.chunks.voiced_speed import VoicedAtSpeeds
from steps_py.errors import AudioError, ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.feature_conf import extractor_of, read_feature_conf
from steps_py.feats.on_device import DeviceFeatures


class AudioReader:
    """Computes the features of a `steps_py.chunks.sampler.Batch` from audio.

    Parameters
    ----------
    chunks : steps_py.chunks.allocation.Chunks
        With the columns wav and speed.
    cmvn : CmvnConfig
    config : WaveformConfig
    seed : int
    on_device : bool
        Compute features in `decode`, on the training device, instead of in `read`.

    Raises
    ------
    ConfigError
        For features or normalisation that cannot be computed from excerpts of audio.
    AudioError, DataDirError
        If a noise or room needs an external program to be read, or a corpus part is missing.
    """

    def __init__(
        self,
        chunks: Chunks,
        cmvn: CmvnConfig,
        config: WaveformConfig,
        seed: int,
        on_device: bool = False,
    ):
        if cmvn.norm_vars:
            raise ConfigError(
                "train: train.input is waveform and cmvn.norm_vars is true, but training from audio"
                " normalises means only. Set train.input to feats."
            )
        self._utts, self._wavs, self._speed_U = chunks.utts, chunks.wavs, chunks.speed_U
        self._voiced = VoicedAtSpeeds(VoicedFrames(chunks.utts, chunks.vad), chunks.speed_U)
        self._num_voiced_U, self._cmvn = chunks.num_frames_U, cmvn
        feats = read_feature_conf(config.type, config.conf)
        self._frames = feats.frames
        # excerpts are cut so that every frame lies wholly inside
        inside = dataclasses.replace(feats.frames, snip_edges=True)
        self._feats = dataclasses.replace(feats, frames=inside)
        self._extractor = extractor_of(config.type, self._feats)
        self._on_device = on_device and self._extractor.on_device
        self._device_features = None
        self.feat_dim = self._extractor.dim
        self._rate_hz = int(feats.frames.sample_rate_hz)
        self._augmenter = OnlineAugmenter(
            config.copies, config.online, config.parts, self._rate_hz, seed
        )
        self._recordings = RandomAccessAudio()

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Float32 features (B, T, D) and int64 speakers (B,), as of a FeatureReader.

        With `on_device`: int16 audio (B, N), frame_BT, last_B, length_B, and the speakers;
        `decode` computes the features.
        """
        rows, excerpts = self._excerpts(batch)
        windows = rows.frame_BT, rows.last_B, rows.length_B
        speakers = (batch.spk_id_B,)
        if batch.num_frames_B is not None:
            speakers += (batch.num_frames_B,)
        if self._on_device:
            audio_BN = np.zeros((len(excerpts), max(map(len, excerpts))), np.int16)
            for padded_N, samples_N in zip(audio_BN, excerpts, strict=True):
                padded_N[: len(samples_N)] = samples_N
            return audio_BN, *windows, *speakers
        x_BLD = np.zeros((len(excerpts), rows.num_rows, self.feat_dim), np.float32)
        for x_LD, samples_N in zip(x_BLD, excerpts, strict=True):
            feats_LD = self._extractor.compute(samples_N)
            x_LD[: len(feats_LD)] = feats_LD
        windows = map(torch.from_numpy, windows)
        x_BTD = normalise(torch.from_numpy(x_BLD), *windows, self._cmvn.window_frames)
        return zero_padding(x_BTD, batch.num_frames_B).numpy(), *speakers

    def chunk_bytes(self, num_frames: int) -> int:
        """Estimated bytes of a chunk of `num_frames` voiced frames.

        Audio of a chunk is longer where silence separates its frames.
        """
        if self._on_device:
            num_frames += frames_around(self._cmvn, self._voiced.num_frames_U)
            return 4 * num_frames * self._frames.shift_samples
        return 4 * num_frames * self.feat_dim

    def decode(
        self, batch: tuple[torch.Tensor, ...], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """Features and speakers of the tensors of a batch; with `on_device`, on `device`."""
        if not self._on_device:
            return batch
        audio_BN, *windows, spk_id_B = (x.to(device, non_blocking=True) for x in batch[:5])
        if self._device_features is None:
            self._device_features = DeviceFeatures(self._feats).to(device)
        x_BTD = normalise(self._device_features(audio_BN), *windows, self._cmvn.window_frames)
        return zero_padding(x_BTD, batch[5] if len(batch) > 5 else None), spk_id_B, *batch[5:]

    def _excerpts(self, batch):
        """RowsAround the chunks, and the audio samples of these rows."""
        index_BT = voiced_positions(batch, self._num_voiced_U)
        rows = rows_around(self._voiced, self._utts, batch.rows_B, index_BT, self._cmvn)
        spans = zip(batch.rows_B.tolist(), rows.first_B.tolist(), rows.end_B.tolist(), strict=True)
        return rows, [
            self._excerpt(row, first, end, batch.step, batch.offset + b)
            for b, (row, first, end) in enumerate(spans)
        ]

    def _excerpt(self, row, first_row, end_row, step, index):
        """Augmented samples of the feature rows [first_row, end_row); float32."""
        begin, end = self._samples_of(first_row, end_row)
        first = max(0, begin)
        corruption, draws = self._augmenter.draw(step, index, end - first)
        before, after = self._augmenter.context(corruption)
        before = min(before, first)
        x_N = self._read(row, first - before, end + after)
        num = min(len(x_N) - before, end - first)
        if end - first - num > self._frames.length_samples:
            raise AudioError(
                f"{self._utts[row]}: the recording has {max(0, num) + first} samples at speed"
                f" {self._speed_U[row]:g}, but its voice decisions need {end}. Recompute the"
                " features and decisions of this recording."
            )
        y_N = self._augmenter.apply(corruption, draws, x_N, before, num)
        if begin < 0 or num < end - first:  # recordings are mirrored at their ends, as in Kaldi
            y_N = np.pad(y_N, (first - begin, end - first - num), mode="symmetric")
        return y_N

    def _samples_of(self, first_row, end_row):
        """The range of samples of rows of features; it can begin before 0."""
        frames = self._frames
        shift, length = frames.shift_samples, frames.length_samples
        origin = 0 if frames.snip_edges else shift // 2 - length // 2
        return origin + first_row * shift, origin + (end_row - 1) * shift + length

    def _read(self, row, first, end):
        def read(first, end):
            rate_hz, samples_N = self._recordings.read(self._wavs[row], first, end)
            if rate_hz != self._rate_hz:
                raise AudioError(
                    f"{self._wavs[row]} has {rate_hz} Hz, but the features need {self._rate_hz} Hz."
                    " Set resample of its corpus in data.corpora, or train.input to feats."
                )
            return samples_N

        speed = float(self._speed_U[row])
        try:
            if speed == 1:
                return read(first, end).astype(np.float32)
            # rounded and clipped as in a 16-bit file
            x_N = read_at_speed(read, speed, first, end)
            return np.clip(np.rint(x_N), -32768, 32767)
        except (StepsError, OSError) as error:
            raise with_recording_name(self._utts[row], error) from None
