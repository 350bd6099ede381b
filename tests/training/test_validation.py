"""Validation EER on held-out speakers, and TensorBoard curves."""

import struct
import zlib

import numpy as np
import pytest
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.scoring.error_rates import eer
from steps_py.training.tensorboard import crc32c, write_events
from steps_py.training.validation import HeldOut, cosine_eer, draw_trials
from tests.support.small_training import result, small_run, small_sections, write_small_chunks


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("validation"))


def test_held_out_speakers_are_in_no_other_table(chunks_dir):
    train, valid, others = (
        Chunks(chunks_dir / f"{name}.tsv") for name in ("train", "valid", "valid_speakers")
    )
    speakers = [{utt.split("-")[0] for utt in chunks.utts} for chunks in (train, valid, others)]
    assert len(speakers[2]) == 2 and len(others) == 12
    assert not speakers[2] & (speakers[0] | speakers[1])
    spk2id = [line.split()[0] for line in (chunks_dir / "spk2id").read_text().splitlines()]
    assert set(spk2id) == speakers[0] and sorted(set(others.spk_id_U.tolist())) == [0, 1]


def test_each_epoch_has_the_eer_of_held_out_speakers(chunks_dir, tmp_path):
    """Compared with scoring all pairs one by one with the final network."""
    messages, (trainer,) = small_run(chunks_dir, tmp_path, small_sections())
    header, *rows = result(tmp_path)[1]
    reported = float(rows[-1][header.index("valid_eer")])
    held_out = trainer.validation.speakers
    x_UE = torch.cat([trainer.network.embed(x) for x, _ in held_out.batches()]).detach()
    spk_id_U, scores = held_out.chunks.spk_id_U, {True: [], False: []}
    for i in range(len(x_UE)):
        for j in range(i):
            cosine = torch.nn.functional.cosine_similarity(x_UE[i], x_UE[j], dim=0).item()
            scores[bool(spk_id_U[i] == spk_id_U[j])].append(cosine)
    assert (len(scores[True]), len(scores[False])) == (30, 36)
    assert reported == pytest.approx(eer(scores[True], scores[False]), abs=1e-5)
    assert any("EER" in line for line in messages)


def test_no_held_out_utterance_is_lost_in_a_smaller_last_batch(chunks_dir):
    chunks = Chunks(chunks_dir / "valid_speakers.tsv")
    batches = list(HeldOut(chunks, CmvnConfig(), num_frames=20, batch_size=5).batches())
    assert [len(x_BTD) for x_BTD, _ in batches] == [5, 5, 2]
    spk_id_U = np.concatenate([spk_id_B.numpy() for _, spk_id_B in batches])
    np.testing.assert_array_equal(spk_id_U, chunks.spk_id_U)


def test_subsampled_pairs_are_distinct_and_reproducible():
    spk_id_U = np.repeat(np.arange(30), 10)
    (target, nontarget), again = (draw_trials(spk_id_U, 400, seed=3) for _ in range(2))
    assert len(target) == len(nontarget) == 200
    assert np.array_equal(target, again[0]) and np.array_equal(nontarget, again[1])
    for pairs, same in ((target, True), (nontarget, False)):
        assert len(np.unique(pairs, axis=0)) == 200
        assert ((spk_id_U[pairs[:, 0]] == spk_id_U[pairs[:, 1]]) == same).all()
        assert (pairs[:, 0] < pairs[:, 1]).all()


def test_subsampled_pairs_have_about_the_eer_of_all_pairs():
    rng = np.random.default_rng(1)
    spk_id_U = np.repeat(np.arange(40), 10)
    x_UE = rng.standard_normal((40, 8))[spk_id_U] + rng.standard_normal((400, 8))
    everything, sample = (cosine_eer(x_UE, spk_id_U, n, seed=1) for n in (10**9, 2000))
    # 1000 trials of a kind: deviation of a rate of 0.26 about 0.014, of both together less
    assert 0.2 < everything < 0.3 and abs(everything - sample) < 5 * 0.014


def test_eer_is_none_without_target_or_nontarget_pairs():
    assert cosine_eer(np.eye(3), np.array([0, 1, 2]), 100, seed=1) is None
    assert cosine_eer(np.eye(3), np.array([0, 0, 0]), 100, seed=1) is None


def test_a_schedule_whose_metric_is_not_measured_is_refused(chunks_dir, tmp_path):
    for name in ("train", "valid", "valid_speakers"):
        rows = (chunks_dir / f"{name}.tsv").read_text().splitlines(keepends=True)
        kept = rows if name == "train" else rows[:1]
        (tmp_path / f"{name}.tsv").write_text("".join(kept))
    for metric, key in (("valid_loss", "num_valid_utts"), ("valid_eer", "num_valid_speakers")):
        schedule = {"name": "plateau", "metric": metric}
        with pytest.raises(ConfigError, match=rf"needs {metric}, .* Raise chunks\.{key}\."):
            small_run(tmp_path, tmp_path / "out", small_sections(schedule=schedule))


def read_events(path):
    """[(step, {tag: value})] of an event file, parsed independently of the code under test."""

    def varint(data, at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return value, at

    def fields(data):
        at = 0
        while at < len(data):
            key, at = varint(data, at)
            kind = key & 7
            if kind == 0:
                value, at = varint(data, at)
            else:
                size, at = (8, at) if kind == 1 else (4, at) if kind == 5 else varint(data, at)
                value, at = data[at : at + size], at + size
            yield key >> 3, value

    content, at, events = path.read_bytes(), 0, []
    while at < len(content):
        (length,) = struct.unpack("<Q", content[at : at + 8])
        data = content[at + 12 : at + 12 + length]
        for checked, place in ((content[at : at + 8], at + 8), (data, at + 12 + length)):
            (masked,) = struct.unpack("<I", content[place : place + 4])
            crc = crc32c(checked)
            assert masked == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
        at += 16 + length
        event, scalars = dict(fields(data)), {}
        for number, summary in fields(event.get(5, b"")):
            assert number == 1
            value = dict(fields(summary))
            scalars[value[1].decode()] = struct.unpack("<f", value[2])[0]
        events.append((event.get(2, 0), scalars))
    return events


def test_tensorboard_curves_equal_the_rows_of_epochs_tsv(chunks_dir, tmp_path):
    small_run(chunks_dir, tmp_path, small_sections())
    header, *rows = (
        line.split("\t") for line in (tmp_path / "epochs.tsv").read_text().splitlines()
    )
    (first, nothing), *events = read_events(next((tmp_path / "tensorboard").iterdir()))
    assert (first, nothing) == (0, {})
    assert [step for step, _ in events] == [1, 2]
    for (_, scalars), row in zip(events, rows, strict=True):
        table = dict(zip(header, row, strict=True))
        assert set(scalars) == set(header) - {"stage", "epoch"}
        for tag, value in scalars.items():
            assert value == pytest.approx(float(table[tag]), rel=1e-4)


def test_curves_are_appended_to_and_a_truncated_file_is_rewritten(tmp_path):
    path = tmp_path / "events"
    rows = [{"epoch": i, "loss": 1 / i, "wall_time": 1e9 + i} for i in (1, 2, 3)]
    write_events(path, rows[:1])
    whole, inode = path.read_bytes(), path.stat().st_ino
    path.write_bytes(whole[:-5])
    write_events(path, rows)
    assert path.read_bytes().startswith(whole) and path.stat().st_ino == inode
    assert [scalars["loss"] for _, scalars in read_events(path)[1:]] == pytest.approx(
        [1, 1 / 2, 1 / 3]
    )
    write_events(path, rows[:2])
    assert len(read_events(path)) == 3


def test_the_checksum_is_crc32c():
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(b"123456789") != zlib.crc32(b"123456789")
