"""Reconstruction: which segments, which labels, and what the decoder reads."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.errors import ConfigError, DataDirError
from steps_py.formats.holders import INTS
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.training.objectives.reconstruction import Decoder, Reconstruction
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import (
    CHUNKS,
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
)
from tests.training.objectives.test_head import first_trainer

COPY = "x"  # before the original's name, so that copies come last: a suffix has no meaning
SMALL = {"name": "reconstruction", "hidden_dim": 6, "num_labels": 5, "lowest_label": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven speakers with four utterances and a noisy copy of each; labels of the originals."""
    folder, rng = tmp_path_factory.mktemp("reconstruction"), np.random.default_rng(2)
    clean = draw_utts(7, 4)
    # an original that is named like a copy
    clean = {utt.replace("utt00", "utt00-noise"): value for utt, value in clean.items()}
    noisy = {
        COPY + utt: (spk, x + rng.normal(size=x.shape).astype(np.float32), voiced)
        for utt, (spk, x, voiced) in clean.items()
    }
    uniq = {COPY + utt: utt for utt in clean}
    write_data_dir(folder / "data", clean, kind="CM")
    write_data_dir(folder / "copies", noisy, kind="CM", utt2uniq=uniq)
    utterances = read_utterances([folder / "data", folder / "copies"])
    write_chunks(utterances, allocate_chunks(utterances, CHUNKS, log=str), folder / "chunks")
    with TableWriter(f"ark:{folder}/ali.ark", INTS) as writer:
        for utt, (_, x, _) in clean.items():
            writer.write(utt, rng.integers(1, 6, len(x)).tolist())
    return folder


def sections_of(folder, labels=None, **changed):
    objective = SMALL | ({"frame_labels": str(folder / labels)} if labels else {}) | changed
    sections = small_sections(objectives={"reconstruction": objective})
    return sections | {"data_dirs": [str(folder / "data"), str(folder / "copies")]}


def objective_of(folder, out_dir, sections):
    trainer = first_trainer(folder, sections, out_dir)
    return trainer, trainer.network.terms.objectives[0]


def test_a_segment_and_its_labels_are_those_of_the_clean_utterance(folder, tmp_path):
    """By whole utterances: voiced frames of the features and of the labels alike."""
    trainer, objective = objective_of(folder, tmp_path, sections_of(folder, "ali.ark"))
    utts = Chunks(folder / "chunks/train.tsv").utts
    table = dict(line.split(maxsplit=1) for line in text_of(folder / "ali.ark").splitlines())
    num_copies = 0
    for step in range(4):
        batch = trainer.sampler.batch(step)
        other = objective.other_segments(batch)
        x_BTD, label_BT = objective.read(batch)
        assert x_BTD.shape[1] == label_BT.shape[1] == batch.num_frames
        for b, row in enumerate(batch.rows_B):
            clean = utts[row].removeprefix(COPY)
            num_copies += clean != utts[row]
            assert utts[other.rows_B[b]] == clean
            voiced = objective._reader._features.voiced.frames(other.rows_B[b])
            labels = np.array(table[clean].split(), int)[voiced] - 1
            place = (other.first_B[b] + np.arange(batch.num_frames)) % len(voiced)
            assert np.array_equal(label_BT[b], labels[place])
            whole_TD = objective._reader._features.read(other.rows_B[b])
            np.testing.assert_allclose(x_BTD[b], whole_TD[place], atol=1e-5)
    assert num_copies > 5


def text_of(archive):
    with SequentialReader(f"ark:{archive}", INTS) as table:
        return "".join(f"{utt} {' '.join(map(str, labels))}\n" for utt, labels in table)


def test_segments_are_drawn_anew_and_do_not_depend_on_the_processes(folder, tmp_path):
    trainer, objective = objective_of(folder, tmp_path, sections_of(folder))
    batch = trainer.sampler.batch(3)
    whole = objective.read(batch)[0]
    halves = [objective.read(batch.shard(rank, 2))[0] for rank in (0, 1)]
    assert np.array_equal(np.concatenate(halves), whole)
    firsts = np.stack(
        [objective.other_segments(trainer.sampler.batch(s)).first_B for s in range(9)]
    )
    own = np.stack([trainer.sampler.batch(s).first_B for s in range(9)])
    assert len(np.unique(firsts)) > 5 and (firsts != own).mean() > 0.5


def test_labels_as_text_are_the_same(folder, tmp_path):
    (folder / "ali.txt").write_text(text_of(folder / "ali.ark"))
    read = [
        objective_of(folder, tmp_path / name, sections_of(folder, name))[1]._labels
        for name in ("ali.ark", "ali.txt")
    ]
    assert read[0].digest == read[1].digest


def test_the_decoder_is_five_affines_with_the_embedding_in_each():
    """By products of single frames: seven frames of one label each, six layers of numbers."""
    torch.manual_seed(1)
    config = Reconstruction.Config(hidden_dim=4, num_labels=3)
    decoder = Decoder(config, 3, 2, 5).double().eval()
    input_BTL = torch.randn(2, 9, 3, dtype=torch.float64)
    embedding_BE = torch.randn(2, 2, dtype=torch.float64)
    y_BVD = decoder(input_BTL, embedding_BE)
    assert y_BVD.shape == (2, 3, 5)
    assert [tuple(a.weight.shape) for a in decoder.affines] == [
        (4, 3, 7),
        *[(4, 4, 1)] * 3,
        (5, 4, 1),
    ]
    scale = (1 + 1e-3) ** -0.5  # batch norm with statistics 0 and 1
    for b in range(2):
        for v in range(3):
            x = input_BTL[b, v : v + 7].T.flatten()
            for n, (affine, side) in enumerate(zip(decoder.affines, decoder.sides, strict=True)):
                x = affine.weight.flatten(1) @ x + affine.bias
                x = x + side.weight @ (scale * embedding_BE[b])
                if n < 4:
                    x = scale * x.clamp(min=0)
            torch.testing.assert_close(y_BVD[b, v], x)


def test_the_sizes_are_those_of_the_recipe():
    """Context 7 of 166 phones, three layers of 166, 30 features, 512 values beside each."""
    decoder = Decoder(Reconstruction.Config(), 166, 512, 30)
    affines = 166 * 7 * 166 + 166 + 3 * (166 * 166 + 166) + 166 * 30 + 30
    sides = 512 * (4 * 166 + 30)
    assert sum(p.numel() for p in decoder.parameters()) == affines + sides


@pytest.mark.parametrize("labels", [None, "ali.ark"])
def test_the_term_is_the_error_without_the_context_and_its_gradient_reaches_the_embedding(
    folder, tmp_path, labels
):
    trainer, _ = objective_of(folder, tmp_path, sections_of(folder, labels))
    network = trainer.network
    x_BTD, spk_id_B, target_BTD, label_BT = map(torch.from_numpy, trainer.read_batch(0))
    network.set_train_mode(0)
    network.terms.start_step(0, 0.0, 1.0)
    total, _, values = network.compute_with_terms(0, (target_BTD, label_BT), x_BTD, spk_id_B)
    if labels:
        input_BTL = torch.full((*label_BT.shape, 5), -1.0)
        input_BTL.scatter_(2, label_BT[..., None], 1.0)
    else:
        num = target_BTD.shape[1]
        input_BTL = (2 * torch.arange(num) / (num - 1) - 1)[None, :, None].repeat(8, 1, 1)
    outer_BE = network.model(x_BTD)
    decoder = network.terms.objectives[0].decoder
    y_BVD = decoder(input_BTL, outer_BE)
    wanted = (y_BVD - target_BTD[:, 3:-3]).square().mean()
    assert values[0].item() == pytest.approx(wanted.item(), rel=1e-5)
    ce = network.loss(outer_BE, spk_id_B)[0]
    assert total.item() == pytest.approx((ce + 0.01 * wanted).item(), rel=1e-5)
    network.loss.zero_grad()
    wanted.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())
    assert network.model.embedding.weight.grad.any()


def test_gradients_of_the_decoder_are_those_of_differences():
    torch.manual_seed(3)
    decoder = Decoder(Reconstruction.Config(hidden_dim=3, context_frames=1), 2, 2, 2).double()
    input_BTL = torch.randn(3, 6, 2, dtype=torch.float64)
    embedding_BE = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(3, 4, 2, dtype=torch.float64)

    def loss(embedding_BE):
        return F.mse_loss(decoder(input_BTL, embedding_BE), target)

    assert torch.autograd.gradcheck(loss, embedding_BE)


def test_a_training_with_reconstruction_is_resumed_to_the_bit(folder, tmp_path):
    sections = sections_of(folder, "ali.ark", weight=0.5)
    small_run(folder / "chunks", tmp_path / "whole", sections)
    run_cut_off(folder / "chunks", tmp_path / "cut off", sections, [2, 6])
    assert_same(tmp_path / "cut off", result(tmp_path / "whole"))
    header, *rows = (tmp_path / "whole/epochs.tsv").read_text().splitlines()
    column = header.split("\t").index("objective_reconstruction")
    first, last = (float(row.split("\t")[column]) for row in (rows[0], rows[-1]))
    assert last < first


def refused(folder, tmp_path, sections, match):
    with pytest.raises((ConfigError, DataDirError), match=match):
        small_run(folder / "chunks", tmp_path, sections)


def test_labels_that_do_not_fit_are_refused_by_utterance(folder, tmp_path):
    """Of any utterance, not of the first alone."""
    lines = text_of(folder / "ali.ark").splitlines()
    last = lines[-1].split()
    changes = {
        "short.txt": (" ".join(last[:-1]), rf"{last[0]} has {len(last) - 2} labels, but"),
        "high.txt": (" ".join([*last[:-1], "6"]), r"the label 6, but labels are from 1 to 5"),
        "low.txt": (" ".join([*last[:-1], "0"]), r"the label 0, but labels are from 1 to 5"),
        "missing.txt": ("", rf"no labels of 1 of \d+ training utterances \({last[0]}\)"),
    }
    for name, (line, match) in changes.items():
        (folder / name).write_text("\n".join([*lines[:-1], line]).strip() + "\n")
        refused(folder, tmp_path, sections_of(folder, name), match)
    refused(folder, tmp_path, sections_of(folder, "nothing.txt"), "nothing.txt is not there")


def test_what_cannot_be_reconstructed_is_refused(folder, tmp_path):
    sections = sections_of(folder, context_frames=10)
    refused(folder, tmp_path, sections, "context_frames is 10, but chunks.min_frames is 20")
    sections = sections_of(folder)
    lonely = folder / "lonely"
    lines = (folder / "chunks/train.tsv").read_text().splitlines()
    utt = next(line.split("\t")[0] for line in lines if line.startswith(COPY))
    lonely.mkdir()
    (lonely / "train.tsv").write_text(
        "\n".join(line for line in lines if not line.startswith(utt.removeprefix(COPY) + "\t"))
        + "\n"
    )
    for name in ("valid", "valid_speakers"):
        (lonely / f"{name}.tsv").write_text((folder / f"chunks/{name}.tsv").read_text())
    with pytest.raises(DataDirError, match="has copies of 1 utterances .*Train on both"):
        small_run(lonely, tmp_path, sections)


def test_its_weight_is_that_of_the_recipe():
    assert Reconstruction.Config().weight == 0.01
