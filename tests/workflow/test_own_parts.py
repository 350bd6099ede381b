"""Classes in a recipe's own folder: which rules run them, and so read their files."""

import os
import re
import subprocess
import sys

import numpy as np

from steps_py.audio.wave import Wave, write_wave
from steps_py.own_parts import VARIABLE
from tests.support.tiny_recipe import ROOT, copy_recipe, shrink, snakemake

FEATURE = '''
from dataclasses import dataclass, field

import numpy as np

from recipe_local._names import SCALE
from steps_py.feats.feature_options import FrameOptions, OutputOptions, frame_config
from steps_py.feats.frames import FrameConfig
from steps_py.feats.types.registry import FEATURES
from steps_py.formats.options import option


@FEATURES.register("loudness")
class Loudness:
    """The mean magnitude of a stretch of samples, times 1, 2, ..."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        frames: FrameConfig = field(default_factory=FrameConfig)
        num_rows: int = 2

    @dataclass
    class Options(FrameOptions, OutputOptions):
        num_rows: int = option(2, "Number of values of a frame")

    on_device = False

    @staticmethod
    def config_of(options):
        return Loudness.Config(frames=frame_config(options), num_rows=options.num_rows)

    def __init__(self, config):
        self.dim = config.num_rows

    def compute(self, samples_N):
        frames_TN = np.abs(samples_N[: len(samples_N) // 160 * 160]).reshape(-1, 160)
        factors_D = SCALE * np.arange(1, self.dim + 1, dtype=np.float32)
        return frames_TN.mean(axis=1, keepdims=True) * factors_D
'''
ENCODER = '''
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.registries import ENCODERS


@ENCODERS.register("own_tdnn")
class OwnTdnn(Tdnn):
    """The TDNN by another name."""
'''
METRIC = '''
from steps_py.scoring.metrics.base import METRICS
from steps_py.scoring.metrics.eer import Eer


@METRICS.register("own_eer")
class OwnEer(Eer):
    """The equal error rate by another name."""
'''


def own_recipe(folder):
    """The tiny recipe with a feature type, an encoder and a metric of its own."""

    def change(config):
        shrink(config)
        config["feats"] = {"type": "loudness", "conf": "conf/own.conf", "num_jobs": 2}
        config["model"]["encoder"] = {"name": "own_tdnn", "hidden_dim": 16, "out_dim": 24}
        config["metrics"] = {"measures": ["own_eer"]}

    copy_recipe(ROOT / "egs/mini", folder, change)
    (folder / "conf/own.conf").write_text("--num-rows=3\n")
    (folder / "local").mkdir()
    for name, text in {"feature": FEATURE, "encoder": ENCODER, "metric": METRIC}.items():
        (folder / f"local/{name}.py").write_text(text)
    (folder / "local/_names.py").write_text("SCALE = 1.0\n")
    return folder


def test_an_own_file_is_an_input_of_the_rules_that_run_its_classes_and_of_no_other(tmp_path):
    done = snakemake(own_recipe(tmp_path / "recipe"), "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    readers = {}
    for rule, inputs in re.findall(r"^ *rule (\w+):\n +input: (.*)$", done.stdout, re.M):
        for file in re.findall(r"local/\w+\.py", inputs):
            readers.setdefault(file, set()).add(rule)
    features, network = {"make_feats", "make_augmented_feats"}, {"train_model", "extract_xvectors"}
    results, system = {"compute_metrics", "write_report"}, {"write_system"}
    assert readers == {
        "local/feature.py": features | system,
        "local/encoder.py": network | system,
        "local/metric.py": results,
        "local/_names.py": features | network | results | system,
    }


def test_an_own_feature_type_has_a_command_with_its_options(tmp_path):
    folder = own_recipe(tmp_path / "recipe")
    with open(folder / "a.wav", "wb") as file:
        write_wave(file, Wave(16000, np.full((1, 480), -5, np.float32)))

    def run(*words):
        environment = os.environ | {VARIABLE: ".", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "steps_py.kaldi", *words]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    (folder / "wav.scp").write_text("a a.wav\n")
    done = run("compute-loudness-feats", "--config=conf/own.conf", "scp:wav.scp", "ark,t:-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["a", "[", *["5", "10", "15"] * 3, "]"]
    misspelt = run("compute-loudness-feats", "--num-row=3", "scp:wav.scp", "ark:y").stderr
    assert "num-row" in misspelt
    assert "Did you mean" in misspelt
    assert "compute-loud-feats: no such command" in run("compute-loud-feats").stderr
