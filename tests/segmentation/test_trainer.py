"""The training of networks for frames, by the engine of all trainings."""

import numpy as np
import pytest
import torch

from steps_py.audio.pieces import SoundInMemory
from steps_py.audio.wave import Wave
from steps_py.diarization.rttm import write_rttm
from steps_py.diarization.turns import Turn
from steps_py.errors import ConfigError, StepsError
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter
from steps_py.segmentation.config import SegmentationConfig, SegmentationNetwork
from steps_py.segmentation.frame_data import FrameData
from steps_py.segmentation.segmenter import load_segmenter, window_starts
from steps_py.segmentation.trainer import FrameTrainer
from steps_py.settings.build import build
from steps_py.training.loop import train
from tests.support.small_training import Killed

CONF = "--sample-frequency=8000\n--dither=0\n--num-ceps=20\n--use-energy=true"
FRONT_END = FrontEnd(type="mfcc", conf=CONF, vad_conf="")
NETWORK = {
    "encoder": {"name": "tdnn", "hidden_dim": 16, "out_dim": 16},
    "window_sec": 0.5,
    "num_epochs": 2,
    "batch_size": 8,
    "steps_per_epoch": 25,
    "optimizer": {"name": "adam", "lr": 0.01},
    "num_threads": 1,
    "num_workers": 0,
}


def tone_like(rng, seconds, spans):
    """Noise that is loud in `spans`, at 8 kHz."""
    samples_N = rng.normal(scale=3, size=round(8000 * seconds))
    for begin, end in spans:
        samples_N[round(8000 * begin) : round(8000 * end)] *= 300
    return SoundInMemory(Wave(8000, samples_N[np.newaxis].astype(np.float32)))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """feats.scp and RTTM of recordings in which noise is a speaker."""
    from steps_py.embeddings.long_features import LongFeatures

    folder, rng, turns = tmp_path_factory.mktemp("frames"), np.random.default_rng(0), []
    scp = folder / "feats.scp"
    with TableWriter(f"ark,scp:{folder}/feats.ark,{scp}", FLOAT_MATRIX) as writer:
        for name in ("a", "b"):
            spans = [(1.0, 2.0), (2.5, 4.0)] if name == "a" else [(0.3, 1.5), (3.0, 3.6)]
            features = LongFeatures(FRONT_END, tone_like(rng, 4, spans), name)
            writer.write(name, features.rows(0, features.num_frames))
            turns += [Turn(name, *span, "ann") for span in spans]
    write_rttm(folder / "ref.rttm", turns)
    return scp, folder / "ref.rttm"


def run(table, out_dir, stop_after=None, **keys):
    """Train, as the stage does; Killed after some steps."""
    config = build(SegmentationNetwork, NETWORK | keys, "segmentation.networks.test")
    data = FrameData([table], 0.01, 50)

    def builder(previous):
        trainer = FrameTrainer(config, FRONT_END, data, data, 50)
        take_step, left = trainer.take_step, [stop_after]

        def take_step_or_die(*batch):
            if left[0] == 0:
                raise Killed
            left[0] = left[0] and left[0] - 1
            take_step(*batch)

        trainer.take_step = take_step_or_die
        return trainer

    train([builder], out_dir, log=str, save=FrameTrainer.save)


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("whole")
    run(table, out_dir, task={"name": "speaker_count"})
    return out_dir


def test_a_training_that_is_killed_and_run_again_has_the_same_bits(table, finished, tmp_path):
    keys = {"task": {"name": "speaker_count"}, "checkpoint_minutes": 1e-9}
    for steps in (20, 10):
        with pytest.raises(Killed):
            run(table, tmp_path, stop_after=steps, **keys)
    run(table, tmp_path, **keys)
    first, again = (torch.load(d / "final.pt")["model"] for d in (finished, tmp_path))
    assert all(torch.equal(first[name], again[name]) for name in first)
    rows = [
        [line.split("\t")[:-2] for line in (d / "epochs.tsv").read_text().splitlines()]
        for d in (finished, tmp_path)
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 3


def test_a_trained_network_finds_what_it_was_trained_on(finished):
    segmenter = load_segmenter(finished / "final.pt")
    sound = tone_like(np.random.default_rng(7), 3, [(1.0, 2.0)])
    p_T3 = segmenter.count_probabilities(segmenter.open(sound, "new"))
    speech_T = p_T3[:, 1:].sum(axis=1) > 0.5
    middles_T = np.arange(len(speech_T)) * 0.01 + 0.0125
    assert np.mean(speech_T == ((middles_T > 1) & (middles_T < 2))) > 0.9
    np.testing.assert_allclose(p_T3.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.03, 0.2, 0.7])
def test_recordings_shorter_than_a_window_have_a_value_for_each_frame(finished, seconds):
    segmenter = load_segmenter(finished / "final.pt")
    features = segmenter.open(tone_like(np.random.default_rng(7), seconds, []), "short")
    assert segmenter.count_probabilities(features).shape == (features.num_frames, 3)


def test_a_recording_without_a_frame_has_no_value(finished):
    segmenter = load_segmenter(finished / "final.pt")
    features = segmenter.open(tone_like(np.random.default_rng(7), 0.01, []), "short")
    assert segmenter.count_probabilities(features).shape == (0, 3)
    assert window_starts(0, 10, 5) == []


def test_a_network_that_counts_does_not_tell_speakers_apart(finished):
    segmenter = load_segmenter(finished / "final.pt")
    features = segmenter.open(tone_like(np.random.default_rng(7), 1, []), "one")
    with pytest.raises(StepsError, match="does not tell speakers apart"):
        list(segmenter.local_speakers(features, 10))


def test_a_file_that_is_missing_or_of_another_rate_is_named(finished, tmp_path):
    with pytest.raises(StepsError, match=r"none\.pt: there is no such file"):
        load_segmenter(tmp_path / "none.pt")
    segmenter = load_segmenter(finished / "final.pt")
    wave = Wave(16000, np.zeros((1, 16000), np.float32))
    with pytest.raises(StepsError, match="has 16000 Hz here, but the segmentation network takes"):
        segmenter.open(SoundInMemory(wave), "x")


def test_self_attention_and_sets_of_speakers_train_too(table, tmp_path):
    encoder = {"name": "transformer", "hidden_dim": 8, "feed_forward_dim": 8, "num_blocks": 1}
    run(table, tmp_path, encoder=encoder, num_epochs=1, steps_per_epoch=2)
    segmenter = load_segmenter(tmp_path / "final.pt")
    features = segmenter.open(tone_like(np.random.default_rng(7), 2, []), "one")
    windows = list(segmenter.local_speakers(features, 25))
    assert [first for first, _ in windows][:2] == [0, 25] and windows[0][1].shape == (50, 3)


def test_windows_shorter_than_the_receptive_field_are_refused(table, tmp_path):
    encoder = {"name": "tdnn", "hidden_dim": 4, "out_dim": 4, "dilations": [30, 2, 3, 1, 1]}
    with pytest.raises(ConfigError, match=r"windows have 50 frames, .* Raise window_sec\."):
        run(table, tmp_path, encoder=encoder)


def test_recordings_to_validate_on_are_others():
    keys = {"train_sets": ["a"], "valid_set": "a", "networks": {"n": NETWORK}}
    with pytest.raises(ConfigError, match="valid_set is 'a', one of train_sets"):
        build(SegmentationConfig, keys, "segmentation")
