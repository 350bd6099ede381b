"""The weights that a training on a processor comes to depend on no number of cores."""

import os
import subprocess
import sys
from pathlib import Path

from steps_py.model.config import ModelConfig
from tests.support.small_training import small_sections, write_small_chunks
from tests.training.test_loop import assert_same, json_of, result

ROOT = Path(__file__).parents[2]
# So large that torch shares the arithmetic of a step among its threads.
MODEL = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 128, "out_dim": 256},
    embedding_dim=64,
    pooling={"name": "stats"},
)
CHUNKS = {"min_frames": 30, "max_frames": 30}


def run_stage(chunks_dir, out_dir, sections, threads):
    """train_model in a process of its own, as rule train_model starts it on so many cores."""
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    command = [sys.executable, "-m", "steps_py.stages.train_model", *arguments]
    command += [f"--chunks={chunks_dir}", f"--out={out_dir}", f"--threads={threads}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return result(out_dir)


def test_the_threads_of_the_job_change_no_bit_of_the_weights(tmp_path):
    chunks_dir = write_small_chunks(tmp_path)
    sections = small_sections(CHUNKS, MODEL, num_threads=2, num_epochs=1, batch_size=32)
    expected = run_stage(chunks_dir, tmp_path / "one", sections, threads=1)
    run_stage(chunks_dir, tmp_path / "eight", sections, threads=8)
    assert_same(tmp_path / "eight", expected)
