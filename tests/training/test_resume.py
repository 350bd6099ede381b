"""With any settings, a training that is interrupted and resumed gives bit-identical weights."""

import pytest
import torch

from steps_py.model.config import ModelConfig
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)

GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}
STAGES = [
    {"loss": {"name": "softmax", "hidden_dim": 8}, "num_epochs": 1},
    {"new_head": True, "max_frames": 40, "schedule": {"name": "noam", "warmup_steps": 3}},
    {"freeze": {"encoder": None}, "num_epochs": 1, "optimizer": {"name": "adam"}},
]
HALVING = {"name": "halve_and_reset_to_best", "patience": 0, "final_ratio": 1e-3}
LOOKAHEAD = {"name": "lookahead", "sync_steps": 4, "inner": {"name": "radam", "lr": 0.01}}
SWA = {"name": "swa", "start_share": 0.3, "every_epochs": 0.5, "statistics_batches": 2}
EMA = {"name": "ema", "decay": 0.8}
HISTORY = {"name": "triplet_history", "history_utts": 11}
CASES = {
    "plateau": {"schedule": {"name": "plateau", "patience": 0, "ratio": 0.5}},
    "halving": {"schedule": HALVING | {"metric": "valid_eer"}, "num_epochs": 3},
    "watching training": {"schedule": HALVING | {"metric": "train_loss"}, "num_epochs": 3},
    "accumulation, mixup": {"accumulate_steps": 2, "grad_clip": 0.5, "mix": {"name": "mixup"}},
    "one cycle, swa": {"schedule": {"name": "one_cycle"}, "average": SWA},
    "averaging": {"average_epochs": 2},
    "thawing, rates, ema": {
        "freeze": {"encoder": 0.5, "loss": 1.2},
        "average": EMA,
        "lr_factors": {"encoder": 0.5},
    },
    "stages": {"stages": STAGES},
    "groups, history": {"loss": HISTORY, "sampler": GROUPS},
    "lengths within a batch, cutmix": {
        "chunks": {"vary_within_batch": True},
        "mix": {"name": "cutmix"},
    },
    "wrapped optimisers": {"optimizer": {"name": "sam", "inner": LOOKAHEAD}, "accumulate_steps": 2},
    "every utterance": {"sampler": {"name": "uniform"}, "optimizer": {"name": "adamw"}},
}


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("resume"))


@pytest.mark.parametrize("each_step", [True, False], ids=["each step", "each epoch"])
@pytest.mark.parametrize("case", CASES)
def test_interrupted_trainings_give_bit_identical_weights(chunks_dir, tmp_path, case, each_step):
    """Checkpoints after each step, or only at the end of epochs, so that steps are repeated."""
    minutes = 1e-9 if each_step else 1e9
    random = {
        "pooling_dropout": 0.2,
        "front_ends": ["spec_masks", {"batch_norm": {"affine": True}}],
    }
    model = ModelConfig(**vars(SECTIONS["model"]) | random)
    sections = small_sections(model=model, checkpoint_minutes=minutes, **CASES[case])
    small_run(chunks_dir, tmp_path / "undisturbed", sections)
    stops = [3, 4, 2] if each_step else [4, 7]
    run_cut_off(chunks_dir, tmp_path / "cut off", sections, stops)
    assert_same(tmp_path / "cut off", result(tmp_path / "undisturbed"))
    heads = [torch.load(p, weights_only=True) for p in tmp_path.glob("*/head.pt")]
    for name, weight in heads[0]["loss"].items():
        assert torch.equal(weight, heads[1]["loss"][name])


def test_averaging_changes_the_weights(chunks_dir, tmp_path):
    """Otherwise the cases above would not cover averaging; each of them uses dropout and masks."""
    for name, case in (("one", {}), ("mean", CASES["averaging"])):
        small_run(chunks_dir, tmp_path / name, small_sections(**case))
    (one, _), (mean, _) = (result(tmp_path / name) for name in ("one", "mean"))
    assert not torch.equal(one["embedding.weight"], mean["embedding.weight"])
