"""Chunks computed from audio: equal to features, independent of the process; errors."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import torch

from steps_py.augment.config import OnlineConfig
from steps_py.chunks.allocation import Chunks
from steps_py.chunks.audio_chunks import AudioReader, WaveformConfig
from steps_py.chunks.batches import FeatureReader, read_ahead
from steps_py.chunks.config import ChunksConfig
from steps_py.chunks.sampler import ChunkSampler
from steps_py.data.data_dir import read_table
from steps_py.errors import AudioError, ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.model.config import ModelConfig
from steps_py.settings.build import build
from steps_py.training.config import TrainConfig
from steps_py.training.loop import train
from steps_py.training.trainer import Trainer
from tests.support.small_audio import (
    RATE_HZ,
    allocate,
    write_conf,
    write_part,
    write_recordings,
    write_wav,
)
from tests.support.small_training import assert_same, result

COPIES = {
    "reverb": {"parts": ["r.rooms"]},
    "noise": {"parts": ["n.noise"], "snr_db": [5], "interval_sec": 0.1},
    "music": {"parts": ["n.music"], "snr_db": [5, 10]},
    "babble": {"parts": ["n.noise"], "num_signals": [2, 3]},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Recordings with features, three speeds of them to train on, noises and rooms."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(1)
    conf = write_conf(folder, snip_edges=False)
    data = write_recordings(folder, conf)
    allocate(data, folder / "chunks", speeds=(0.9, 1.0, 1.1))
    decay_N = np.exp(-np.arange(2000) / 300)
    rooms = {f"room{i}": 9000 * decay_N * rng.standard_normal(2000) for i in range(2)}
    for room in rooms.values():
        room[25] = 30000
    noises = {f"noise{i}": 500 * rng.standard_normal(3000 + 900 * i) for i in range(3)}
    parts = {
        "r.rooms": write_part(folder / "rooms", rooms),
        "n.noise": write_part(folder / "noise", noises),
        "n.music": write_part(folder / "music", {"m": 400 * rng.standard_normal(15 * RATE_HZ)}),
    }
    config = WaveformConfig(
        type="mfcc", conf=conf, copies=COPIES, online=OnlineConfig(probability=0.8), parts=parts
    )
    return folder, config


def sampler_of(chunks, **changed):
    settings = {"min_frames": 40, "max_frames": 60, "batch_size": 12, "seed": 3}
    return ChunkSampler(chunks.spk_id_U, chunks.num_frames_U, **(settings | changed))


def reader_of(corpus, seed=1, on_device=False, cmvn=None, **changed):
    folder, config = corpus
    chunks = Chunks(folder / "chunks/train.tsv")
    config = dataclasses.replace(config, **changed)
    return AudioReader(chunks, cmvn or CmvnConfig(window_frames=70), config, seed, on_device)


@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("kind", ["mfcc", "fbank"])
@pytest.mark.parametrize("vary", [True, False, "within_chunks"])
def test_without_augmentation_chunks_equal_those_of_the_features(tmp_path, kind, snip_edges, vary):
    within, vary = vary == "within_chunks", vary is True
    conf = write_conf(tmp_path, kind, snip_edges)
    data = write_recordings(tmp_path, conf, kind)
    chunks = Chunks(allocate(data, tmp_path / "chunks") / "train.tsv")
    cmvn = CmvnConfig(window_frames=70, within_chunks=within)
    from_audio = AudioReader(chunks, cmvn, WaveformConfig(type=kind, conf=conf), seed=1)
    from_feats = FeatureReader(chunks, cmvn)
    assert from_audio.feat_dim == from_feats.feat_dim
    sampler = sampler_of(chunks, min_frames=20, max_frames=150, vary_within_batch=vary)
    for step in range(8):
        batch = sampler.batch(step)
        parts, expected = from_audio.read(batch), from_feats.read(batch)
        assert len(parts) == len(expected) == (3 if vary else 2)
        for part, other in zip(parts, expected, strict=True):
            np.testing.assert_allclose(part, other, atol=1e-3)


@pytest.mark.parametrize("snip_edges", [True, False])
def test_samples_are_read_as_they_are_in_the_recording(tmp_path, snip_edges):
    """Without normalisation, from audio and from archives alike."""
    conf = write_conf(tmp_path, "waveform", snip_edges)
    data = write_recordings(tmp_path, conf, "waveform")
    chunks = Chunks(allocate(data, tmp_path / "chunks") / "train.tsv")
    cmvn, config = CmvnConfig(window_frames=0), WaveformConfig(type="waveform", conf=conf)
    from_audio, from_feats = AudioReader(chunks, cmvn, config, seed=1), FeatureReader(chunks, cmvn)
    for step in range(4):
        batch = sampler_of(chunks, min_frames=20, vary_within_batch=True).batch(step)
        for part, other in zip(from_audio.read(batch), from_feats.read(batch), strict=True):
            assert np.array_equal(part, other)


def test_a_batch_does_not_depend_on_the_process_or_on_earlier_batches(corpus):
    reader, other = reader_of(corpus), reader_of(corpus)
    sampler = sampler_of(Chunks(corpus[0] / "chunks/train.tsv"))
    first = [reader.read(sampler.batch(step)) for step in range(6)]
    for step in (4, 1, 5, 0, 3, 2):
        x_BTD, spk_id_B = other.read(sampler.batch(step))
        assert np.array_equal(x_BTD, first[step][0])
        assert np.array_equal(spk_id_B, first[step][1])
    again = reader_of(corpus, seed=2).read(sampler.batch(0))[0]
    assert not np.allclose(again, first[0][0])


@pytest.mark.parametrize("num_workers", [1, 2])
def test_weights_do_not_depend_on_the_number_of_loader_processes(corpus, num_workers):
    reader = reader_of(corpus)
    sampler = sampler_of(Chunks(corpus[0] / "chunks/train.tsv"))

    def read(step):
        return reader.read(sampler.batch(step))

    ahead = read_ahead(read, range(5), num_workers, batch_bytes=1)
    for step, (x_BTD, _) in enumerate(ahead):
        assert np.array_equal(x_BTD.numpy(), read(step)[0])


def test_shards_are_augmented_like_the_whole_batch(corpus):
    reader = reader_of(corpus)
    batch = sampler_of(Chunks(corpus[0] / "chunks/train.tsv")).batch(7)
    whole = reader.read(batch)[0]
    halves = [reader.read(batch.shard(rank, 2))[0] for rank in range(2)]
    assert np.array_equal(np.concatenate(halves), whole)


def test_a_chunk_that_is_drawn_twice_gets_new_augmentation(corpus):
    reader = reader_of(
        corpus, online=OnlineConfig(probability=1.0), copies={"music": COPIES["music"]}
    )
    batch = sampler_of(Chunks(corpus[0] / "chunks/train.tsv")).batch(0)
    twice = dataclasses.replace(batch, rows_B=batch.rows_B[[0, 0]], first_B=batch.first_B[[0, 0]])
    x_BTD = reader.read(dataclasses.replace(twice, spk_id_B=batch.spk_id_B[[0, 0]]))[0]
    assert np.abs(x_BTD[0] - x_BTD[1]).max() > 0.1


@pytest.mark.parametrize("vary", [True, False])
def test_features_computed_on_the_device_equal_those_of_the_host(corpus, vary):
    cpu = torch.device("cpu")
    early, late = reader_of(corpus), reader_of(corpus, on_device=True)
    sampler = sampler_of(Chunks(corpus[0] / "chunks/train.tsv"), vary_within_batch=vary)
    for step in range(4):
        expected = early.read(sampler.batch(step))
        read = late.read(sampler.batch(step))
        assert read[0].dtype == np.int16
        decoded = late.decode(tuple(map(torch.from_numpy, read)), cpu)
        for part, other in zip(decoded, expected, strict=True):
            np.testing.assert_allclose(part.numpy(), other, atol=1e-3)


def test_speeds_add_speakers_without_their_held_out_utterances(corpus):
    train_chunks = Chunks(corpus[0] / "chunks/train.tsv")
    valid = Chunks(corpus[0] / "chunks/valid.tsv")
    assert valid.speed_U.tolist() == [1.0, 1.0]
    originals = {utt for utt in train_chunks.utts if utt.startswith("spk")}
    expected = {prefix + utt for utt in originals for prefix in ("", "sp0.9-", "sp1.1-")}
    assert set(train_chunks.utts) == expected
    assert not originals & set(valid.utts)
    speakers = {}
    for utt, spk_id in zip(train_chunks.utts, train_chunks.spk_id_U.tolist(), strict=True):
        speakers.setdefault(utt.rpartition("-")[0], set()).add(spk_id)
    assert sorted(map(len, speakers.values())) == [1] * 9
    assert set.union(*speakers.values()) == set(range(9))
    spk2id = read_table(corpus[0] / "chunks/spk2id")
    assert {spk: {int(spk_id)} for spk, spk_id in spk2id.items()} == speakers


def test_an_utterance_with_too_few_voiced_frames_at_a_speed_is_dropped(tmp_path):
    data = write_recordings(tmp_path, write_conf(tmp_path), sec=(1.0, 1.3))
    slow, fast = (
        Chunks(allocate(data, tmp_path / f"{s}", (1.0, s), short_utts="drop") / "train.tsv")
        for s in (0.5, 2.0)
    )
    assert len(slow) == 14 and slow.speed_U.tolist().count(0.5) == 7
    assert len(fast) == 7  # a second at twice the speed has fewer than 60 frames


def test_a_recording_that_needs_an_external_program_is_refused(tmp_path):
    data = write_recordings(tmp_path, write_conf(tmp_path))
    table = (data / "wav.scp").read_text().splitlines()
    table[3] = "spk1-utt0 ffmpeg -v 8 -i a.m4a -f wav -acodec pcm_s16le - |"
    (data / "wav.scp").write_text("\n".join(table) + "\n")
    with pytest.raises(AudioError) as error:
        allocate(data, tmp_path / "chunks")
    message = str(error.value)
    assert "1 of 9 recordings" in message and "spk1-utt0 needs the program 'ffmpeg'" in message
    assert "Decode these recordings to WAV or FLAC files first" in message
    assert not (tmp_path / "chunks").exists()


def test_speeds_need_training_from_audio(corpus):
    with pytest.raises(StepsError, match=r"train\.tsv: contains speeds other than 1"):
        trainer_of(corpus, input="feats")


def damaged(corpus, folder, part, content):
    """The reader of a corpus one of whose noises is damaged."""
    path = folder / f"{part}.wav"
    path.write_bytes(content)
    (folder / "wav.scp").write_text(f"sound {path}\n")
    (folder / "utt2dur").write_text("sound 1.0\n")
    parts = corpus[1].parts | {part: str(folder)}
    return reader_of(corpus, online=OnlineConfig(probability=1.0), parts=parts)


@pytest.mark.parametrize(
    "content, messages",
    [(b"", "empty file"), (b"RIFF1234WAVE", "no data chunk"), (b"fLaC" + bytes(50), "FLAC")],
)
def test_a_damaged_noise_is_an_error_with_its_name(corpus, tmp_path, content, messages):
    reader = damaged(corpus, tmp_path, "n.noise", content)
    sampler = sampler_of(Chunks(corpus[0] / "chunks/train.tsv"))
    with pytest.raises(AudioError, match=r"sound '.*n\.noise\.wav'") as error:
        for step in range(20):
            reader.read(sampler.batch(step))
    assert messages in str(error.value)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_truncated_recording_is_an_error_with_the_utterance(tmp_path, num_workers):
    conf = write_conf(tmp_path)
    data = write_recordings(tmp_path, conf)
    chunks = Chunks(allocate(data, tmp_path / "chunks") / "train.tsv")
    reader = AudioReader(chunks, CmvnConfig(), WaveformConfig(type="mfcc", conf=conf), seed=1)
    for path in (tmp_path / "wav").iterdir():
        os.truncate(path, 5000)
    sampler = sampler_of(chunks)
    batches = read_ahead(lambda s: reader.read(sampler.batch(s)), range(9), num_workers, 1)
    with pytest.raises(AudioError, match=r"^spk\d-utt\d: .*\.wav: truncated"):
        next(batches)


def test_a_recording_shorter_than_its_decisions_is_an_error(tmp_path):
    conf = write_conf(tmp_path)
    data = write_recordings(tmp_path, conf)
    for path in (tmp_path / "wav").iterdir():
        write_wav(path, np.zeros(2000))
    chunks = Chunks(allocate(data, tmp_path / "chunks") / "train.tsv")
    reader = AudioReader(chunks, CmvnConfig(), WaveformConfig(type="mfcc", conf=conf), seed=1)
    with pytest.raises(AudioError, match=r"^spk\d-utt\d: the recording has 2000 samples"):
        reader.read(sampler_of(chunks).batch(0))


def test_the_error_for_another_sample_rate_names_the_key_to_set(corpus, tmp_path):
    part = write_part(tmp_path / "noise", {"n": np.ones(50_000)}, rate_hz=16000)
    parts = corpus[1].parts | {"n.noise": part}
    reader = reader_of(corpus, online=OnlineConfig(probability=1.0), parts=parts)
    sampler = sampler_of(Chunks(corpus[0] / "chunks/train.tsv"))
    with pytest.raises(
        AudioError, match=r"n\.wav' has 16000 Hz, but the features need 8000 Hz\. Set"
    ):
        for step in range(20):
            reader.read(sampler.batch(step))


@pytest.mark.parametrize(
    "kind, more, messages",
    [
        ("spectrogam", "", "unknown name 'spectrogam'. Did you mean 'spectrogram'?"),
        ("mfcc", "--subtract-mean=true\n", "--subtract-mean needs whole utterances"),
        ("mfcc", "--num-cep=1\n", "mfcc.conf"),
    ],
)
def test_features_that_need_the_whole_recording_are_refused(corpus, tmp_path, kind, more, messages):
    conf = write_conf(tmp_path, more=more)
    with pytest.raises(ConfigError) as error:
        reader_of(corpus, type=kind, conf=conf)
    assert messages in str(error.value)


def test_variance_normalisation_is_refused(corpus):
    with pytest.raises(ConfigError, match=r"norm_vars is true"):
        reader_of(corpus, cmvn=CmvnConfig(norm_vars=True))


def trainer_of(corpus, **changed):
    torch.set_num_threads(1)
    folder, waveform = corpus
    settings = {
        "input": "waveform",
        "spec_augment": {"max_time_frames": 5, "max_freq_bins": 2},
        "loss": {"name": "aam_softmax", "scale": 15},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "schedule": {"name": "cosine"},
        "num_epochs": 2,
        "batch_size": 6,
        "steps_per_epoch": 4,
        "num_workers": 0,
    }
    model = {
        "encoder": {"name": "tdnn", "hidden_dim": 8, "out_dim": 12},
        "pooling": {"name": "stats"},
        "embedding_dim": 6,
    }
    sections = {
        "train": build(TrainConfig, settings | changed, "train"),
        "model": ModelConfig(**model),
        "cmvn": CmvnConfig(),
        "chunks": ChunksConfig(min_frames=20, max_frames=40, short_utts="tile"),
        "waveform": waveform,
    }
    return Trainer(sections, *(Chunks(folder / f"chunks/{n}.tsv") for n in ("train", "valid")))


def test_an_interrupted_training_from_audio_gives_bit_identical_weights(corpus, tmp_path):
    train([lambda previous: trainer_of(corpus)], tmp_path / "at once", log=lambda line: None)
    stopped = trainer_of(corpus)
    take_step = stopped.take_step

    def take_step_and_signal(*batch):
        if stopped.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        take_step(*batch)

    stopped.take_step = take_step_and_signal
    with pytest.raises(SystemExit):
        train([lambda previous: stopped], tmp_path / "stopped", log=lambda line: None)
    again = [lambda previous: trainer_of(corpus, num_workers=2)]
    train(again, tmp_path / "stopped", log=lambda line: None)
    assert_same(tmp_path / "stopped", result(tmp_path / "at once"))


def test_the_error_for_a_table_without_audio_names_the_stage_to_run(corpus, tmp_path):
    (tmp_path / "chunks").mkdir()
    for name in ("train", "valid"):
        lines = (corpus[0] / f"chunks/{name}.tsv").read_text().splitlines()
        kept = ["\t".join(line.split("\t")[:5]) + "\n" for line in lines]
        (tmp_path / f"chunks/{name}.tsv").write_text("".join(kept))
    with pytest.raises(
        StepsError, match=r"train\.tsv: has no column wav.* Run allocate_chunks again"
    ):
        trainer_of((tmp_path, corpus[1]))
