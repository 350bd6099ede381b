"""Time and frequency masks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.model.config import MasksConfig
from steps_py.settings.build import build
from steps_py.training.config import TrainConfig
from steps_py.training.spec_augment import SpecAugment, draw_masks


def train_config(spec_augment):
    parts = {key: {"name": "x"} for key in ("loss", "optimizer", "schedule")}
    train = parts | {"num_epochs": 1, "batch_size": 2, "spec_augment": spec_augment}
    return build(TrainConfig, train, "train")


@given(
    num_time=st.integers(0, 3),
    max_time=st.integers(0, 60),
    num_freq=st.integers(0, 2),
    max_freq=st.integers(0, 12),
    step=st.integers(0, 5),
)
def test_masks_cover_whole_rows_and_columns_within_the_limits(
    num_time, max_time, num_freq, max_freq, step
):
    config = MasksConfig(
        num_time_masks=num_time,
        max_time_frames=max_time,
        num_freq_masks=num_freq,
        max_freq_bins=max_freq,
    )
    x_BTD = torch.rand(3, 40, 10) + 1
    spk_id_B = torch.arange(3)
    y_BTD, same = SpecAugment(config, seed=1).apply(step, x_BTD, spk_id_B)
    assert same is spk_id_B
    hidden_BTD = y_BTD == 0
    assert torch.equal(y_BTD[~hidden_BTD], x_BTD[~hidden_BTD])
    for hidden_TD in hidden_BTD:
        rows, columns = hidden_TD.all(dim=1), hidden_TD.all(dim=0)
        assert torch.equal(hidden_TD, rows[:, None] | columns[None, :])
        if not columns.all():
            assert rows.sum() <= num_time * min(40, max_time)
        if not rows.all():
            assert columns.sum() <= num_freq * min(10, max_freq)


def test_masks_depend_on_step_process_and_chunk():
    masks = SpecAugment(MasksConfig(max_time_frames=30), seed=1)
    x_BTD = torch.ones(8, 100, 20)
    first, again, later, elsewhere = (
        masks.apply(step, x_BTD, rank=rank)[0] for step, rank in [(3, 0), (3, 0), (4, 0), (3, 1)]
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, later) and not torch.equal(first, elsewhere)
    assert len({row.numpy().tobytes() for row in first}) == 8


def test_widths_and_positions_of_masks_are_uniform():
    hidden_BX = draw_masks(np.random.default_rng(0), 30_000, 10, 3)
    width_B = hidden_BX.sum(axis=1)
    assert np.bincount(width_B) == pytest.approx([7500] * 4, abs=400)
    start_B = hidden_BX[width_B == 2].argmax(axis=1)
    assert np.bincount(start_B) == pytest.approx([len(start_B) / 9] * 9, abs=150)


def test_without_the_section_nothing_is_masked():
    x_BTD = torch.rand(2, 30, 5)
    assert torch.equal(SpecAugment.from_config(train_config(None)).apply(0, x_BTD)[0], x_BTD)


@pytest.mark.parametrize(
    "section, message",
    [
        ({"max_time_frame": 3}, "Did you mean 'max_time_frames'?"),
        ({"max_freq_bins": -1}, "-1 is less than"),
    ],
)
def test_mistakes_in_the_section_are_errors(section, message):
    with pytest.raises(ConfigError) as error:
        SpecAugment.from_config(train_config(section))
    assert message in str(error.value)
