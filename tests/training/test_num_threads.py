"""Weights trained on a CPU do not depend on the number of cores of the job."""

import os
import subprocess
import sys
from pathlib import Path

from steps_py.model.config import ModelConfig
from tests.support.small_training import (
    assert_same,
    json_of,
    result,
    small_sections,
    write_small_chunks,
)

ROOT = Path(__file__).parents[2]
# Large enough for torch to use several threads in a step.
MODEL = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 128, "out_dim": 256},
    embedding_dim=64,
    pooling={"name": "stats"},
)
CHUNKS = {"min_frames": 30, "max_frames": 30}


def run_stage(chunks_dir, out_dir, sections, threads):
    """train_model in a new process, as rule train_model runs it with `num_cores` cores."""
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    command = [sys.executable, "-m", "steps_py.stages.train_model", *arguments]
    command += [f"--chunks={chunks_dir}", f"--out={out_dir}", f"--threads={threads}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return result(out_dir)


def test_weights_do_not_depend_on_the_threads_of_the_job(tmp_path):
    chunks_dir = write_small_chunks(tmp_path)
    sections = small_sections(CHUNKS, MODEL, num_threads=2, num_epochs=1, batch_size=32)
    expected = run_stage(chunks_dir, tmp_path / "one", sections, threads=1)
    run_stage(chunks_dir, tmp_path / "eight", sections, threads=8)
    assert_same(tmp_path / "eight", expected)
